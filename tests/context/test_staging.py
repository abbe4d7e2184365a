from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from fastbuild.context.staging import stage
from fastbuild.errors import UsageError
from fastbuild.request import BuildRequest


def tar(*members: tarfile.TarInfo, mode: str = "w", body: bytes = b"FROM scratch\n") -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for member in members:
            member.size = len(body) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(body) if member.isreg() else None)
    out.seek(0)
    return out


def regular(name: str, mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode = mode
    return member


def linked(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


def test_a_directory_is_named_absolutely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    staged = stage(BuildRequest(context="."), io.BytesIO(), tmp_path)
    assert (staged.context, staged.file) == (str(tmp_path), str(tmp_path / "Dockerfile"))


def test_a_lower_case_dockerfile_is_found(tmp_path: Path) -> None:
    (tmp_path / "dockerfile").write_text("FROM scratch\n")
    assert stage(BuildRequest(context=str(tmp_path)), io.BytesIO(), tmp_path).file == str(
        tmp_path / "dockerfile"
    )


def test_a_dockerfile_on_stdin_has_an_empty_context(tmp_path: Path) -> None:
    staged = stage(BuildRequest(context="-"), io.BytesIO(b"FROM scratch\n"), tmp_path)
    assert staged.file is not None
    assert Path(staged.file).read_bytes() == b"FROM scratch\n"
    assert list(Path(staged.context).iterdir()) == []


def test_a_dockerfile_on_stdin_with_a_context(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    request = BuildRequest(context=str(tmp_path / "src"), file="-")
    staged = stage(request, io.BytesIO(b"FROM a\n"), tmp_path)
    assert staged.context == str(tmp_path / "src")
    assert Path(str(staged.file)).read_text() == "FROM a\n"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_on_stdin_is_unpacked_with_its_modes(tmp_path: Path, mode: str) -> None:
    archive = tar(regular("Dockerfile", 0o664), regular("run.sh", 0o777), mode=mode)
    staged = stage(BuildRequest(context="-"), archive, tmp_path)
    modes = {p.name: p.stat().st_mode & 0o7777 for p in Path(staged.context).iterdir()}
    assert modes == {"Dockerfile": 0o664, "run.sh": 0o777}


@pytest.mark.parametrize(
    "member",
    [
        regular("../evil"),
        linked("hard", "../../etc/passwd", tarfile.LNKTYPE),
        linked("device", "", tarfile.CHRTYPE),
    ],
)
def test_a_tar_that_leaves_its_directory_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    with pytest.raises(UsageError, match="tar archive"):
        stage(BuildRequest(context="-"), tar(regular("Dockerfile"), member), tmp_path)
    assert not (tmp_path / "evil").exists()


def test_a_tar_that_ends_early_is_refused(tmp_path: Path) -> None:
    whole = tar(regular("Dockerfile"), body=b"x" * 4000).getvalue()
    with pytest.raises(UsageError, match="not a complete tar archive"):
        stage(BuildRequest(context="-"), io.BytesIO(whole[:2000]), tmp_path)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (BuildRequest(context="-", file="-"), "both the context and the Dockerfile"),
        (BuildRequest(context="-"), "empty"),
        (BuildRequest(context="/no/such/dir"), "not a directory"),
        (BuildRequest(context=".", file="/no/such/file"), "no Dockerfile"),
        (BuildRequest(context=".", secrets=("id=a,src=/no/such/secret",)), "/no/such/secret"),
        (BuildRequest(context=".", secrets=("env=A",)), "no id"),
        (BuildRequest(context=".", build_contexts=(("lib", "/no/such/lib"),)), "lib=/no/such/lib"),
    ],
)
def test_bad_input_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: BuildRequest, message: str
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        stage(request_, io.BytesIO(), tmp_path)


def test_a_missing_dockerfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Dockerfile in"):
        stage(BuildRequest(context=str(tmp_path)), io.BytesIO(), tmp_path)


def test_urls_stay_urls(tmp_path: Path) -> None:
    request = BuildRequest(context="https://example.com/a.git#main")
    assert stage(request, io.BytesIO(), tmp_path) == request
