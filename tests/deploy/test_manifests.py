"""The files that run the service elsewhere name what the service has."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.api.access_table import TABLE
from app.settings import Settings, variable

yaml = pytest.importorskip("yaml", reason="no PyYAML")
ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = ("compose.yaml", "kubernetes.yaml", "tuqian.service", "prometheus/prometheus.yml")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def kubernetes() -> dict[str, Any]:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))
    return {one["kind"]: one for one in documents}


@pytest.mark.parametrize("name", FILES)
def test_every_variable_named_is_a_setting(name: str) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    known = {variable(setting) for setting in Settings.model_fields}
    assert set(re.findall(r"TUQIAN_[A-Z_]+", text)) <= known


def test_compose_publishes_the_service_to_this_machine_alone() -> None:
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_compose_has_a_profile_each_for_cpu_gpu_and_monitoring_and_builds_real_targets() -> None:
    services = compose()["services"]
    profiles = {name: one["profiles"] for name, one in services.items()}
    assert profiles == {
        "tuqian": ["cpu"],
        "tuqian-gpu": ["gpu"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
    }
    targets = set(re.findall(r"^FROM runtime AS (\w+)", DOCKERFILE, re.MULTILINE))
    for name in ("tuqian", "tuqian-gpu"):
        assert services[name]["build"]["target"] in targets
        assert (DEPLOY / services[name]["build"]["context"]).resolve() == ROOT
        assert services[name]["volumes"] == ["data:/data"]
    assert "TUQIAN_DATA_DIR=/data" in DOCKERFILE


def test_every_file_that_compose_mounts_is_here() -> None:
    for service in compose()["services"].values():
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists()


def test_prometheus_asks_where_the_service_answers_and_knows_the_alerts() -> None:
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    (job,) = yaml.safe_load(text)["scrape_configs"]
    assert ("GET", job["metrics_path"]) in TABLE
    assert job["static_configs"][0]["targets"] == ["tuqian:8000"]
    assert job["job_name"] == "tuqian"  # as the alerts name it
    assert job["authorization"]["credentials_file"] == "/run/secrets/metrics_key"
    assert compose()["services"]["prometheus"]["secrets"] == ["metrics_key"]


def test_kubernetes_probes_addresses_that_need_no_key() -> None:
    (container,) = kubernetes()["Deployment"]["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert TABLE["GET", asked["path"]].role is None
        assert ports[asked["port"]] == 8000
    assert "TUQIAN_PORT=8000" in DOCKERFILE


def test_kubernetes_asks_for_a_gpu_a_volume_and_its_secret() -> None:
    found = kubernetes()
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    claim = next(one for one in pod["volumes"] if one["name"] == "data")["persistentVolumeClaim"]
    assert claim["claimName"] == found["PersistentVolumeClaim"]["metadata"]["name"]
    refs = [one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one]
    assert [ref["name"] for ref in refs] == [found["Secret"]["metadata"]["name"]]
    assert all(ref["key"] in found["Secret"]["stringData"] for ref in refs)
    assert f"--uid {pod['securityContext']['runAsUser']}" in DOCKERFILE


def test_the_first_key_ends_the_wait_of_the_pod(tmp_path: Path) -> None:
    pod = kubernetes()["Deployment"]["spec"]["template"]["spec"]
    condition = re.search(r"until (.*); do", pod["initContainers"][0]["args"][0])
    assert condition
    tuqian = tmp_path / "tuqian"
    tuqian.write_text(f'#!/bin/sh\nexec {sys.executable} -m app "$@"\n', encoding="utf-8")
    tuqian.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "TUQIAN_DATA_DIR": str(tmp_path / "data"),
    }

    def waits() -> bool:
        done = subprocess.run(["/bin/sh", "-c", condition[1]], env=environment, check=False)
        return done.returncode != 0

    assert waits()
    create = [str(tuqian), "keys", "create", "管理员", "--role", "admin"]
    subprocess.run(create, env=environment, check=True, capture_output=True)
    assert not waits()


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    unit = (DEPLOY / "tuqian.service").read_text(encoding="utf-8")
    command = re.search(r"^ExecStart=(\S+) serve$", unit, re.MULTILINE)
    assert command
    copy = tmp_path / "tuqian.service"
    copy.write_text(unit.replace(command[1], sys.executable), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)],  # noqa: S607 - wherever the machine has it
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "tuqian.service" in line]
    assert said == []
    assert done.returncode == 0, done.stderr
