# syntax=docker/dockerfile:1
#
# 两个目标：
#   docker build --target cpu  -t tuqian .        基础依赖，无 torch
#   docker build --target cuda -t tuqian:cuda .   clip 与 gpu；附加包 gpu 已含 clip 的全部内容，
#                                                 且不带 faiss-cpu 与 onnxruntime，故单独安装它
#   docker run -v tuqian:/data tuqian keys create 管理员 --role admin    先有密钥，对外监听才会启动
#   docker run -p 8000:8000 -v tuqian:/data tuqian
# 只在本机试用时可以不要密钥：-p 127.0.0.1:8000:8000 -e TUQIAN_ALLOW_ANONYMOUS=true
# CUDA 的库随 torch 的软件包一起安装；主机只需驱动与 NVIDIA Container Toolkit（--gpus all）。

ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/tuqian
ENV PATH=/opt/tuqian/bin:$PATH
COPY pyproject.toml constraints.txt README.md ./
COPY app ./app
COPY vocab ./vocab
COPY index ./index

FROM build AS build-cpu
RUN pip install -c constraints.txt .

FROM build AS build-cuda
RUN pip install -c constraints.txt '.[gpu]'

FROM python:${PYTHON_VERSION}-slim AS runtime
RUN groupadd --gid 10001 tuqian \
 && useradd --uid 10001 --gid tuqian --no-create-home --home-dir /data --shell /usr/sbin/nologin tuqian \
 && install -d -o tuqian -g tuqian /data
ENV PATH=/opt/tuqian/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TUQIAN_DATA_DIR=/data \
    TUQIAN_HOST=0.0.0.0 \
    TUQIAN_PORT=8000
WORKDIR /data
USER 10001:10001
# 词表、下载的权重与背景库都在这里，容器本身不保存任何状态。
VOLUME ["/data"]
EXPOSE 8000
# 首次启动要计算标签向量（Chinese-CLIP 还要下载权重），因此起步时间放宽。
HEALTHCHECK --interval=30s --timeout=5s --start-period=10m --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['TUQIAN_PORT'] + '/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tuqian"]
CMD ["serve"]

FROM runtime AS cuda
COPY --from=build-cuda /opt/tuqian /opt/tuqian
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    TUQIAN_MODEL=chinese-clip-vit-b-16

FROM runtime AS cpu
COPY --from=build-cpu /opt/tuqian /opt/tuqian
