"""The deployment files keep what they promise, as far as files can show it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from zhanqing.settings import variables

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return found


def test_the_image_does_not_run_as_root() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    last_stage = lines[max(at for at, line in enumerate(lines) if line.startswith("FROM ")) :]
    (user,) = [line.split()[1] for line in last_stage if line.startswith("USER ")]
    assert user.split(":")[0] not in ("0", "root")
    assert [line for line in last_stage if line.startswith(("ENTRYPOINT", "CMD"))]


def test_the_image_holds_every_package_of_the_project() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert copied == packages


def test_api_worker_postgres_redis_and_milvus_are_there(services: dict[str, dict[str, Any]]) -> None:
    assert {"api", "worker", "migrate", "postgres", "redis", "milvus"} == set(services)
    for name in ("api", "worker", "migrate"):
        ours = services[name]
        assert ours["read_only"] is True and ours["cap_drop"] == ["ALL"]
        assert ours["volumes"] == ["home:/data"]
    for name in ("api", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_no_password_is_written_down_and_no_port_is_open_to_all(services: dict[str, dict[str, Any]]) -> None:
    example = (DEPLOY / "env.example").read_text(encoding="utf-8")
    assert re.findall(r"^\w+=(.*)$", example, re.MULTILINE) == ["", ""]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_every_setting_that_it_sets_is_one(services: dict[str, dict[str, Any]]) -> None:
    known = {name for name, _ in variables()}
    set_here = {name for service in services.values() for name in service.get("environment", {})}
    assert {name for name in set_here if name.startswith("ZHANQING_")} <= known


def test_migrations_run_only_in_their_own_service(services: dict[str, dict[str, Any]]) -> None:
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert all("--migrate" not in str(service.get("command")) for service in services.values())


def test_every_image_is_of_a_named_version(services: dict[str, dict[str, Any]]) -> None:
    bases = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    theirs = [service["image"] for service in services.values() if "build" not in service]
    assert len(theirs) == 3
    assert all(re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", image) for image in (*bases, *theirs))


def test_whatever_goes_on_says_whether_it_is_well_or_why_it_does_not(services: dict[str, dict[str, Any]]) -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "HEALTHCHECK" in dockerfile and "/readyz" in dockerfile
    without = {name for name, service in services.items() if "build" not in service and "healthcheck" not in service}
    assert without == set()
    assert {name for name, service in services.items() if service.get("healthcheck") == {"disable": True}} == {"worker"}


def test_only_what_the_image_is_made_of_is_sent_to_the_builder() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = {word for line in re.findall(r"^COPY (?!--)(.+)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]}
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert {"**/.env", "**/secret.key"} <= set(rules)
