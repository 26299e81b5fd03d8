"""What is found out about an installation."""

from pathlib import Path

import pytest

from app.doctor import examine, summary


def versions(**there: str) -> dict[str, str]:
    return {name.replace("_", "-"): version for name, version in there.items()}


def remedies(there: dict[str, str], data_dir: Path) -> dict[str, str]:
    return {f.name: f.remedy for f in examine(data_dir, there.get) if f.remedy}


def test_a_base_install_has_nothing_wrong(tmp_path: Path) -> None:
    assert remedies(versions(faiss_cpu="1.15", onnxruntime="1.32"), tmp_path) == {}


def test_two_faiss_packages_at_once_are_a_fault_with_a_way_out(tmp_path: Path) -> None:
    there = versions(faiss_cpu="1.15", faiss_gpu_cu12="1.9", onnxruntime="1.32")
    remedy = remedies(there, tmp_path)["向量检索"]
    assert "pip uninstall -y faiss-cpu faiss-gpu-cu12 && pip install faiss-gpu-cu12" in remedy


def test_a_missing_or_half_installed_package_is_a_fault(tmp_path: Path) -> None:
    there = versions(faiss_cpu="1.15", torch="2.14")
    assert set(remedies(there, tmp_path)) == {"ONNX 运行时", "clip 附加包"}


def test_a_data_directory_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    there = versions(faiss_cpu="1.15", onnxruntime="1.32")
    assert "TUQIAN_DATA_DIR" in remedies(there, blocked)["数据目录"]


@pytest.mark.parametrize("there", [{}, versions(faiss_cpu="1.15", onnxruntime="1.32")])
def test_the_summary_names_what_is_there(there: dict[str, str]) -> None:
    assert summary(there.get) == " · ".join(f"{name} {v}" for name, v in there.items())
