# make serve   启动服务（首次会建立 .venv 并安装）      make serve MODEL=chinese-clip-vit-b-16
# make test    安装全部依赖并运行所有检查与测试
# 每个目标都可以重复执行；没有变化时第二次很快。

PYTHON ?= python3
VENV   ?= .venv
SMOKE  ?= .venv-smoke
MODEL  ?= builtin
HOST   ?= 127.0.0.1
PORT   ?= 8000

BIN    := $(VENV)/bin
INPUTS := pyproject.toml constraints.txt
# 只有内置模型不需要 torch。
NEEDED := $(if $(filter builtin,$(MODEL)),$(VENV)/.base,$(VENV)/.clip)

.DEFAULT_GOAL := help
.PHONY: help install install-clip serve test check lint types imports unit test-slow siege soak smoke docs clean

help:
	@sed -n '1,3s/^# //p' Makefile

install: $(VENV)/.base

install-clip: $(VENV)/.clip

serve: $(NEEDED)
	@$(BIN)/tuqian serve --host $(HOST) --port $(PORT) --model $(MODEL)

test: $(VENV)/.test check smoke

check: lint types imports unit

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

imports: $(VENV)/.test
	$(BIN)/lint-imports

# 一个文件的测试在同一个进程里。页面的测试另跑：浏览器占着所在进程的事件循环。
AT_ONCE ?= -n auto --maxprocesses 4 --dist loadfile
unit: $(VENV)/.test
	$(BIN)/python -m pytest -m "not slow" $(AT_ONCE) --ignore=tests/e2e/page
	$(BIN)/python -m pytest -m "not slow" $(AT_ONCE) tests/e2e/page

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

# 按接口文档生成的数千个请求，检查真实服务的每个回答；make siege CASES=20000
CASES ?= 5000
siege: $(VENV)/.test
	$(BIN)/python -m tests.siege.siege --cases $(CASES)

# 八成负荷下十分钟：改词表、评判、图片入库与删除，中途 kill -9 一次；make soak SOAK=180
SOAK ?= 600
soak: $(VENV)/.test
	$(BIN)/python -m bench.soak --seconds $(SOAK)

# 只装基础依赖的环境里，真实进程回答一次打标请求，且装不到 torch。
smoke: $(SMOKE)/.base
	$(SMOKE)/bin/python tests/smoke.py

docs: $(VENV)/.base
	$(BIN)/python -m app.reference docs/reference

clean:
	rm -rf $(VENV) $(SMOKE)

$(VENV)/bin/pip $(SMOKE)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' \
	  || { echo "需要 Python 3.10 至 3.13；可用 make PYTHON=python3.12 … 指定。"; exit 1; }
	@echo "· 建立虚拟环境 $(@D:/bin=)"
	@$(PYTHON) -m venv $(@D:/bin=) \
	  || { echo "无法建立虚拟环境。Debian/Ubuntu 请先安装 python3-venv。"; exit 1; }

$(VENV)/.base $(SMOKE)/.base: %/.base: $(INPUTS) | %/bin/pip
	@echo "· 安装基础依赖（约 0.7 GB，半分钟左右）"
	@$*/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.clip: $(VENV)/.base
	@echo "· 安装 clip 附加包（torch 等，数 GB）"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[clip]'
	@touch $@

$(VENV)/.test: $(VENV)/.clip
	@echo "· 安装测试与开发工具"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[clip,test,dev]'
	@touch $@
