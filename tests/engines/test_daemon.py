"""The private engine's arguments, environment and files as values; `tests/live` starts it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from fastbuild.commands import engine
from fastbuild.engines import daemon, launch, starting, supervisor
from fastbuild.engines.daemon import Status
from fastbuild.engines.daemon_settings import DaemonSettings
from fastbuild.engines.lease import Lease
from fastbuild.engines.toolchain import Toolchain
from fastbuild.errors import UsageError
from fastbuild.paths import Paths

HOST = ("--oci-worker-net", "host")
TRACES = ("--otel-socket-path", "/h/run/otel-grpc.sock")
LAST = ("--oci-worker-binary", "/sbin/runc", "--containerd-worker=false", "--config", "/h/run/t.toml")
PLACES = ("--root", "/h/data/engine", "--addr", "unix:///h/run/buildkitd.sock")


def settings_in(home: str) -> DaemonSettings:
    return DaemonSettings(
        paths=Paths.from_environ({"FASTBUILD_HOME": home}, os.getuid()),
        toolchain=Toolchain(
            buildkitd=Path("/b/buildkitd"), buildctl=Path("/b/buildctl"), version="v0.34.1", origin="test"
        ),
    )


@pytest.fixture
def settings(tmp_path: Path) -> DaemonSettings:
    found = settings_in(str(tmp_path / "h"))
    found.paths.ensure()
    found.folder.mkdir()
    return found


@pytest.mark.parametrize(
    ("chosen", "rootlesskit", "allow", "argv"),
    [
        ((), "", (), ("/b/buildkitd", *PLACES, *HOST, *TRACES, *LAST)),
        (("network",), "", (), ("/b/buildkitd", *PLACES, *TRACES, *LAST)),
        (("otel",), "", (), ("/b/buildkitd", *PLACES, *HOST, *LAST)),
        (
            (),
            "/bin/rootlesskit",
            (),
            ("/bin/rootlesskit", "--net=host", "/b/buildkitd", "--rootless", *PLACES, *HOST, *TRACES, *LAST),
        ),
        (
            (),
            "",
            ("security.insecure", "network.host"),
            (
                *("/b/buildkitd", *PLACES, *HOST, *TRACES, *LAST),
                *("--allow-insecure-entitlement", "security.insecure"),
                *("--allow-insecure-entitlement", "network.host"),
            ),
        ),
    ],
)
def test_arguments(
    chosen: tuple[str, ...], rootlesskit: str, allow: tuple[str, ...], argv: tuple[str, ...]
) -> None:
    settings = replace(settings_in("/h"), allow=allow)
    found = launch.arguments(
        settings,
        config=Path("/h/run/t.toml"),
        chosen=frozenset(chosen),
        runtime="/sbin/runc",
        rootlesskit=rootlesskit,
    )
    assert found == argv


@pytest.mark.parametrize(
    ("config", "chosen"),
    [
        ("", set()),
        ('[worker.oci]\nnetworkMode = "bridge"', {"network"}),
        ('[otel]\nsocketPath = "/x"', {"otel"}),
        ("[worker.oci]\ngc = true", set()),
    ],
)
def test_what_a_configuration_chooses_itself(config: str, chosen: set[str]) -> None:
    assert launch.chosen(config) == chosen


def test_the_engine_gets_no_secret_of_the_job() -> None:
    job = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://p",
        "AWS_CA_BUNDLE": "/ca",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_PROFILE": "p",
        "AWS_ROLE_ARN": "r",
        "CI_JOB_TOKEN": "t",
        "JENKINS_NODE_COOKIE": "c",
    }
    found = launch.environment(settings_in("/h"), job)
    found.pop("XDG_RUNTIME_DIR", None)
    assert found == {
        "PATH": "/bin:/usr/local/sbin:/usr/sbin:/sbin",
        "HTTPS_PROXY": "http://p",
        "AWS_CA_BUNDLE": "/ca",
        "AWS_SHARED_CREDENTIALS_FILE": "/h/run/aws-credentials",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_a_rootless_engine_keeps_its_runtime_state_with_us() -> None:
    settings = settings_in("/h")
    settings = replace(settings, paths=replace(settings.paths, uid=1000))
    assert launch.environment(settings, {"XDG_RUNTIME_DIR": "/gone"})["XDG_RUNTIME_DIR"] == "/h/run"


def test_the_users_configuration_is_found(tmp_path: Path) -> None:
    folder = tmp_path / ".config/buildkit"
    folder.mkdir(parents=True)
    (folder / "buildkitd.toml").write_text("debug = true")
    assert launch.read_config(None, {"HOME": str(tmp_path)}) == "debug = true"
    (tmp_path / "own.toml").write_text("debug = false")
    assert launch.read_config(tmp_path / "own.toml", {"HOME": str(tmp_path)}) == "debug = false"
    with pytest.raises(UsageError, match="can't be read"):
        launch.read_config(tmp_path / "absent.toml", {})


@pytest.mark.parametrize(
    ("table", "granted"),
    [
        ("ann:100000:65536\n", True),
        ("1000:100000:65536\n", True),
        ("anna:100000:65536\nroot:0:1\n", False),
        ("ann\n", False),
        ("", False),
    ],
)
def test_ranges_of_ids(table: str, granted: bool) -> None:
    assert launch.has_range(table, "ann", 1000) is granted


def test_credentials_are_written_replaced_and_taken_away(settings: DaemonSettings) -> None:
    file = settings.credentials
    daemon.hand_over(settings, ("id", "se/cr+et=", "token"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == (
        "[default]\naws_access_key_id = id\naws_secret_access_key = se/cr+et=\naws_session_token = token\n"
    )
    daemon.hand_over(settings, ("id2", "secret2", None))
    assert "token" not in file.read_text()
    daemon.hand_over(settings, None)
    assert file.read_text() == ""
    assert [f.name for f in settings.paths.runtime.iterdir()] == [file.name]


def test_a_running_engine_is_handed_credentials_where_it_looks(settings: DaemonSettings) -> None:
    elsewhere = settings.paths.data / "aws"
    settings.record.write_text(json.dumps({"credentials": str(elsewhere)}))
    daemon.hand_over(settings, ("id", "secret", None))
    assert "secret" in elsewhere.read_text()
    assert not settings.credentials.exists()


@pytest.mark.parametrize("secret", ["a\nb", "a b", "a\0"])
def test_malformed_credentials_are_refused_without_being_shown(settings: DaemonSettings, secret: str) -> None:
    with pytest.raises(UsageError, match="aws_secret_access_key") as caught:
        daemon.hand_over(settings, ("id", secret, None))
    assert secret not in caught.value.render()


def test_an_empty_store_is_told_from_a_used_one(tmp_path: Path) -> None:
    assert daemon.store_is_empty(tmp_path)
    snapshots = tmp_path / "runc-native/snapshots/snapshots"
    snapshots.mkdir(parents=True)
    assert daemon.store_is_empty(tmp_path)
    (snapshots / "1").mkdir()
    assert not daemon.store_is_empty(tmp_path)


def test_leases_are_shared_and_seen_by_the_supervisor(tmp_path: Path) -> None:
    file = tmp_path / "in-use"
    first, second = Lease(file), Lease(file)
    assert not first.alone()
    first.share()
    assert supervisor.take_exclusive(str(file)) is None
    second.release()
    assert first.alone()
    first.release()
    first.release()
    lock = supervisor.take_exclusive(str(file))
    assert lock is not None
    os.close(lock)


def test_a_process_is_named_by_its_start() -> None:
    assert supervisor.process_started(os.getpid()) is not None
    assert supervisor.process_started(2**22 + 1) is None
    supervisor.terminate(os.getpid(), 1)  # the pid lives, but is not the process that was meant


def test_broken_records_count_as_none(settings: DaemonSettings) -> None:
    assert starting.read(settings.record) is None
    settings.record.write_text("{")
    assert starting.read(settings.record) is None
    settings.record.write_text("{}")
    assert starting.connected(settings.record) is None
    assert not daemon.stop(settings)


def test_status_of_nothing(settings: DaemonSettings) -> None:
    found = daemon.status(settings)
    assert (found.running, found.pid, found.disk_used) == (False, None, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"running": False}, "not running"),
        ({"in_use": True}, "pid 7), in use"),
        ({"idle_left": None}, "until it is stopped"),
        ({}, "stops after 61 s"),
    ],
)
def test_status_in_words_and_json(changes: dict[str, object], words: str) -> None:
    status = Status(
        running=True,
        in_use=False,
        pid=7,
        version="v0.34.1",
        address="unix:///s",
        root="/r",
        log="/l",
        disk_used=1_500_000,
        idle_left=61.0,
    )
    changed = replace(status, **changes)  # type: ignore[arg-type]
    assert words in engine.as_text(changed)
    assert "1.5 MB" in engine.as_text(changed)
    assert json.loads(engine.as_json(changed))["version"] == 1
