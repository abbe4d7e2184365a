"""Which programs are accepted, and what is fetched to build them. Nothing is started or fetched here."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastbuild.engines import golang, install, toolchain
from fastbuild.errors import EngineError
from fastbuild.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / "home")}, os.getuid()).ensure()


def program(folder: Path, name: str, content: str = "x") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(content)
    file.chmod(0o755)
    return file


def answering(version: str, asked: list[Path]) -> Callable[[Path], str]:
    def answer(file: Path) -> str:
        asked.append(file)
        return version

    return answer


@pytest.mark.parametrize(
    ("version", "supported"),
    [
        ("v0.34.1", True),
        ("0.18.0", True),
        ("v0.34.2-rc1", True),
        ("v0.17.9", False),
        ("v0.35.0", False),
        ("v1.0.0", False),
        ("v0.0.0+unknown", False),
        ("", False),
    ],
)
def test_supported_versions(version: str, supported: bool) -> None:
    assert toolchain.is_supported(version) is supported


def test_path_wins_over_the_installed_one(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"PATH": str(tmp_path / "bin")}
    asked: list[Path] = []
    monkeypatch.setattr(toolchain, "_ask", answering("v0.30.0", asked))
    assert toolchain.find(paths, environ) is None
    for name in ("buildkitd", "buildctl"):
        program(toolchain.installed_folder(paths), name)
    installed = toolchain.find(paths, environ)
    assert installed is not None
    assert (installed.version, len(asked)) == (toolchain.VERSION, 0)
    program(tmp_path / "bin", "buildkitd")
    assert toolchain.find(paths, environ) == installed, "half a pair does not count"
    program(tmp_path / "bin", "buildctl")
    found = toolchain.find(paths, environ)
    assert found is not None
    assert (found.version, found.buildctl) == ("v0.30.0", tmp_path / "bin" / "buildctl")


def test_a_version_is_asked_once_per_file(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"PATH": str(tmp_path / "bin")}
    asked: list[Path] = []
    monkeypatch.setattr(toolchain, "_ask", answering("v0.34.1", asked))
    files = [program(tmp_path / "bin", name) for name in ("buildkitd", "buildctl")]
    for _ in range(3):
        assert toolchain.find(paths, environ)
    assert asked == files
    program(tmp_path / "bin", "buildkitd", "another")
    assert toolchain.find(paths, environ)
    assert asked == [*files, files[0]]


def test_an_unsupported_pair_on_path_is_passed_over(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "_ask", lambda file: "v0.9.0")
    for name in ("buildkitd", "buildctl"):
        program(tmp_path / "bin", name)
    assert toolchain.find(paths, {"PATH": str(tmp_path / "bin")}) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("\0mod\tgithub.com/moby/buildkit\tv0.34.1\th1:abc=\n", "v0.34.1"),
        ("\0dep\tgithub.com/moby/buildkit\tv0.34.1\th1:abc=\n", "v0.34.1"),
        ("see\tgithub.com/moby/buildkit\tv0.34.1\n", ""),
        ("nothing", ""),
    ],
)
def test_the_version_the_go_linker_recorded(tmp_path: Path, text: str, version: str) -> None:
    assert toolchain.recorded_version(program(tmp_path, "p", text)) == version


def test_the_runtime_beside_buildkitd_is_preferred(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path / "bin")}
    program(tmp_path / "bin", "runc")
    assert toolchain.find_runtime(environ) == tmp_path / "bin" / "runc"
    own = program(tmp_path / "own", "buildkit-runc")
    assert toolchain.find_runtime(environ, beside=tmp_path / "own" / "buildkitd") == own


@pytest.mark.parametrize(
    ("goproxy", "base"),
    [
        ("", golang.DEFAULT_PROXY),
        ("direct", golang.DEFAULT_PROXY),
        ("https://a.example/go/,direct", "https://a.example/go"),
        ("direct|http://b.example", "http://b.example"),
        ("off,https://c.example", "https://c.example"),
    ],
)
def test_the_module_proxy(goproxy: str, base: str) -> None:
    assert golang.proxy_of({"GOPROXY": goproxy}) == base


def test_goproxy_off_is_respected() -> None:
    with pytest.raises(EngineError, match="GOPROXY=off"):
        golang.proxy_of({"GOPROXY": "off"})


def test_the_toolchains_address_and_sums() -> None:
    url = golang.zip_url("https://p.example", "arm64")
    version = golang.GO_VERSION
    assert url == f"https://p.example/golang.org/toolchain/@v/v0.0.1-go{version}.linux-arm64.zip"
    assert all(len(bytes.fromhex(value)) == 32 for value in golang.ZIP_SHA256.values())


def test_a_module_zip_is_unpacked_with_programs_executable(tmp_path: Path) -> None:
    archive = tmp_path / "z.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        for name in ("bin/go", "pkg/tool/linux_amd64/link", "VERSION"):
            bundle.writestr(f"m@v1/{name}", name)
    golang.unpack(archive, tmp_path / "go", prefix="m@v1/")
    assert os.access(tmp_path / "go/bin/go", os.X_OK)
    assert os.access(tmp_path / "go/pkg/tool/linux_amd64/link", os.X_OK)
    assert not os.access(tmp_path / "go/VERSION", os.X_OK)


@pytest.mark.parametrize("name", ["m@v1/../evil", "elsewhere/x", "m@v1//etc/x"])
def test_a_zip_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "z.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr(name, "x")
    with pytest.raises(EngineError, match="unexpected file"):
        golang.unpack(archive, tmp_path / "go", prefix="m@v1/")


def test_the_archive_can_come_from_a_mirror() -> None:
    official = install.archive_url({}, "amd64")
    assert official.endswith("/v0.34.1/buildkit-v0.34.1.linux-amd64.tar.gz")
    assert install.archive_url({install.URL_VARIABLE: "https://m.example/b.tgz"}, "amd64").endswith("b.tgz")


def test_a_build_never_uses_the_callers_module_settings(tmp_path: Path) -> None:
    go = program(tmp_path / "bin", "go")
    own = install.build_environ({"HOME": "/h", "PATH": str(tmp_path / "bin")}, go, tmp_path)
    fetched = install.build_environ({"HOME": "/h", "PATH": "/none"}, go, tmp_path)
    for env in (own, fetched):
        assert (env["CGO_ENABLED"], env["GOWORK"], env["GOTOOLCHAIN"]) == ("0", "off", "local")
    assert "GOMODCACHE" not in own
    assert Path(fetched["GOMODCACHE"]).is_relative_to(tmp_path)


def test_the_shipped_module_asks_for_the_pinned_versions() -> None:
    module = Path(install.__file__).with_name("gomod")
    text = (module / "go.mod").read_text()
    assert f"\ngo {golang.GO_VERSION}\n" in text
    assert f"github.com/moby/buildkit {toolchain.VERSION}" in text
    sums = (module / "go.sum").read_text()
    assert f"github.com/moby/buildkit {toolchain.VERSION} h1:" in sums
