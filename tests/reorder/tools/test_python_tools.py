from __future__ import annotations

import pytest

from fastbuild.reorder.effects import SYSTEM, Trust
from fastbuild.reorder.tools import matters
from tests.reorder.tools.places import effects, needed, place

APP = {
    "requirements.txt": "-r base.txt\nflask==3.0\n",
    "base.txt": "-c deep/limits.txt\nidna ; python_version > '3'\n",
    "deep/limits.txt": "idna<4\n",
    "setup.py": "",
    "app/main.py": "",
    "logging.py": "",
}


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("pip install -r requirements.txt", {"requirements.txt", "base.txt", "deep/limits.txt"}),
        ("pip3.11 install -rbase.txt", {"base.txt", "deep/limits.txt"}),
        ("sudo -E pip install -qr base.txt", {"base.txt", "deep/limits.txt"}),
        ("env A=b pip install --requirement=base.txt", {"base.txt", "deep/limits.txt"}),
        ("python -m pip install -r base.txt", {"base.txt", "deep/limits.txt", "logging.py"}),
        ("pip install --no-cache-dir flask 'gunicorn[gevent]>=20'", set()),
        ("pip install -U pip setuptools wheel", set()),
        ("PIP_CONSTRAINT=deep/limits.txt pip install flask", {"deep/limits.txt"}),
        ("PIP_REQUIREMENT=base.txt pip install", {"base.txt", "deep/limits.txt"}),
        ("pip install git+https://example.org/x.git@v1#egg=x", set()),
        ("pip install 'x @ https://example.org/x-1.0.tar.gz'", set()),
        ("pip install .", {*APP}),
        ("pip install -e '.[dev]'", {*APP}),
        ("pip install ./app", {"app/main.py"}),
        ("pip install -f deep flask", {"deep/limits.txt"}),
        ("pip install 'flask @ file:///app/app'", {"app/main.py"}),
        ("pip download -d /wheels -r base.txt", {"base.txt", "deep/limits.txt"}),
        ("pip list", set()),
    ],
)
def test_pip_needs_the_files_it_names_and_those_they_name(command: str, files: set[str]) -> None:
    assert needed(command, place(APP)) == files


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("pip install -r missing.txt", "doesn't come from the build context"),
        ("pip install -r $FILE", "only the shell knows"),
        ("pip install --strange x", "not an option"),
        ("pip install git+file:///srv/x", "form fastbuild doesn't know"),
        ("pip install ./nothing", "doesn't come from the build context"),
        ("pip install --index-url file:///app/index x", "local directory"),
        ("pip frobnicate", "not a command"),
        ("PIP_STRANGE=1 pip install x", "not one of pip's"),
        ("pip install -r odd.txt", "not an option"),
        ("pip install -r binary.txt", "can't be read as text"),
        ("sudo -u app pip install x", "can't be followed"),
        ("env -i pip install x", "can't be followed"),
    ],
)
def test_pip_is_unknown_where_files_can_not_be_told(command: str, reason: str) -> None:
    files: dict[str, str | None] = {**APP, "odd.txt": "--strange x\n", "binary.txt": None}
    assert reason in effects(command, place(files)).unknown


def test_a_requirements_file_that_a_run_may_have_changed_is_unknown() -> None:
    assert "earlier step" in effects("pip install -r base.txt", place(APP, written="/app/base.txt")).unknown


def test_pip_settings_of_the_context_are_read_and_odd_ones_refused() -> None:
    good = place({"/etc/pip.conf": "[global]\nindex-url = https://mirror.example/simple\n"})
    assert "/etc/pip.conf" in effects("pip install x", good).reads
    odd = place({"/etc/pip.conf": "[install]\nconstraint = /app/limits.txt\n"})
    assert "sets `constraint`" in effects("pip install x", odd).unknown


def test_pip_settings_that_a_run_may_have_written_are_a_doubt() -> None:
    assert effects("pip install x", place(written="/root/.config")).trust is Trust.LIKELY
    assert effects("pip install x", place(written="/etc/pip.conf")).trust is Trust.LIKELY


@pytest.mark.parametrize(
    "before", ["apt-get install -y gcc", "python -m venv /venv", "npm install -g yarn", "pip install x"]
)
def test_ordinary_steps_before_it_do_not_make_an_install_doubtful(before: str) -> None:
    files = {
        "requirements.txt": "flask\n",
        "package.json": "{}",
        "package-lock.json": '{"packages": {"": {}}}',
    }
    files |= {"Cargo.toml": "[workspace]\nmembers=[]\n", "Cargo.lock": "", "go.mod": "module m\ngo 1.22\n"}
    env = {"VIRTUAL_ENV": "/venv", "PATH": "/venv/bin:/usr/local/bin:/usr/bin"}
    written = " ".join(effects(before, place(env=env)).writes - SYSTEM)
    where = place(files, env=env, written=written)
    for command in ("pip install -r requirements.txt", "npm ci", "cargo fetch --locked", "go mod download"):
        found = effects(command, where)
        assert (found.unknown, found.doubts) == ("", ())


def test_a_local_project_is_a_doubt_only_where_other_files_of_the_context_lie_outside() -> None:
    assert effects("pip install .", place(APP)).trust is Trust.MODEL
    assert effects("pip install ./app", place(APP)).trust is Trust.LIKELY


def test_third_party_builds_may_use_any_variable_but_a_commit() -> None:
    found = effects("pip install flask", place())
    assert matters(found.env, "VERSION")
    assert matters(found.env, "CFLAGS")
    assert not matters(found.env, "GIT_SHA")
    assert not matters(found.env, "BUILD_DATE")
    assert matters(effects("pip install .", place(APP)).env, "GIT_SHA")


def test_setup_cfg_is_read_for_pythons_that_still_have_distutils() -> None:
    assert needed("pip install flask", place("setup.cfg app.py")) == {"setup.cfg"}


def test_wheels_only_need_few_variables() -> None:
    found = effects("pip install --only-binary=:all: flask", place())
    assert matters(found.env, "PIP_INDEX_URL")
    assert matters(found.env, "https_proxy")
    assert not matters(found.env, "VERSION")


def test_variables_that_a_requirements_file_expands_matter() -> None:
    found = effects(
        "pip install --only-binary :all: -r r.txt",
        place({"r.txt": "--index-url https://${TOKEN}@example.org\n"}),
    )
    assert matters(found.env, "TOKEN")


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("pip install -t /out x", "/out"),
        ("pip install --prefix=/install x", "/install"),
        ("pip install x", "/usr/local/bin"),
        ("pip install --user x", "/root/.local"),
        ("/opt/venv/bin/pip install x", "/opt/venv"),
        ("VIRTUAL_ENV=/venv pip install x", "/venv"),
        ("pip wheel -w wheels x", "/app/wheels"),
        ("pip download x", "/app"),
        ("pip install -e git+https://example.org/x#egg=x", "/app/src"),
        ("python3 -m venv /venv", "/venv"),
        ("virtualenv .venv", "/app/.venv"),
    ],
)
def test_pip_writes_where_it_is_told(command: str, path: str) -> None:
    assert path in effects(command, place()).writes


def test_pip_does_not_write_into_a_project_below_usr_src() -> None:
    from fastbuild.reorder.effects import overlap

    found = effects("pip install -r requirements.txt", place({"requirements.txt": "x\n"}, cwd="/usr/src/app"))
    assert overlap(found.writes, ["/usr/src/app"]) is None


LOCK = """
version = 1
[manifest]
members = ["demo", "member"]
[[package]]
name = "idna"
version = "3.7"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "demo"
version = "0.1"
source = { editable = "." }
[[package]]
name = "member"
version = "0.1"
source = { editable = "packages/member" }
"""
UV = {
    "pyproject.toml": '[project]\nname="demo"\nversion="0.1"\n[tool.uv.workspace]\nmembers=["packages/*"]\n',
    "uv.lock": LOCK,
    "packages/member/pyproject.toml": '[project]\nname="member"\nversion="0.1"\n',
    "packages/member/member.py": "",
    "demo/__init__.py": "",
    "README.md": "",
}
MANIFESTS = {"pyproject.toml", "uv.lock", "packages/member/pyproject.toml"}


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("uv sync --frozen --no-install-workspace", MANIFESTS),
        ("uv sync --locked --no-install-local --no-dev", MANIFESTS),
        ("UV_FROZEN=1 UV_NO_INSTALL_WORKSPACE=1 uv sync", MANIFESTS),
        ("uv sync --frozen --no-install-project", MANIFESTS | {"packages/member/member.py"}),
        ("uv sync --frozen", {*UV}),
        ("uv venv /venv", MANIFESTS - {"uv.lock"}),
        ("uv pip install --system flask", MANIFESTS - {"uv.lock"}),
        ("uv pip install --system -r pyproject.toml", MANIFESTS - {"uv.lock"}),
    ],
)
def test_uv_needs_the_manifests_and_the_sources_of_what_it_builds(command: str, files: set[str]) -> None:
    assert needed(command, place(UV)) == files


def test_uv_writes_its_lock_unless_told_not_to() -> None:
    assert "/app/uv.lock" in effects("uv sync --no-install-workspace", place(UV)).writes
    assert "/app/uv.lock" not in effects("uv sync --locked --no-install-workspace", place(UV)).writes


@pytest.mark.parametrize(
    ("command", "files", "reason"),
    [
        ("uv sync --frozen", {"pyproject.toml": ""}, "uv.lock"),
        ("uv run app.py", UV, "not a command"),
        ("UV_CONSTRAINT=x uv sync --frozen", UV, "not one of uv's"),
        ("uv sync --frozen", {**UV, "uv.toml": 'find-links = ["wheels"]'}, "local directory"),
        (
            "uv pip install -r pyproject.toml",
            {"pyproject.toml": '[project]\ndynamic = ["dependencies"]\n'},
            "only a build",
        ),
        (
            "uv pip install -r pyproject.toml",
            {"pyproject.toml": '[project]\nname="x"\n[tool.uv.sources]\nx = { path = "x" }\n'},
            "local sources",
        ),
    ],
)
def test_uv_is_unknown_where_files_can_not_be_told(command: str, files: dict[str, str], reason: str) -> None:
    assert reason in effects(command, place(files)).unknown


def test_uv_builds_a_local_project_whose_metadata_are_dynamic_to_check_its_lock() -> None:
    dynamic = {**UV, "packages/member/pyproject.toml": '[project]\nname="member"\ndynamic=["version"]\n'}
    assert "packages/member/member.py" in needed("uv sync --locked --no-install-workspace", place(dynamic))
    assert "packages/member/member.py" not in needed(
        "uv sync --frozen --no-install-workspace", place(dynamic)
    )


POETRY = {
    "pyproject.toml": '[tool.poetry]\nname = "demo"\n',
    "poetry.lock": '[[package]]\nname = "idna"\nversion = "3"\n[[package]]\nname = "near"\nversion = "1"\n'
    '[package.source]\ntype = "directory"\nurl = "libs/near"\n',
    "libs/near/pyproject.toml": "",
    "libs/near/near.py": "",
    "demo/main.py": "",
    "README.md": "",
}


@pytest.mark.parametrize(
    ("command", "files"),
    [
        (
            "poetry install --no-root --no-directory",
            {"pyproject.toml", "poetry.lock", "libs/near/pyproject.toml"},
        ),
        ("poetry install --no-root --only main", {*POETRY} - {"demo/main.py", "README.md"}),
        ("poetry install", {*POETRY}),
        ("poetry config virtualenvs.create false", set()),
    ],
)
def test_poetry_needs_its_manifests_and_the_sources_of_what_it_builds(command: str, files: set[str]) -> None:
    assert needed(command, place(POETRY)) == files


def test_poetry_is_unknown_where_plugins_are_required_or_the_lock_is_missing() -> None:
    plugin = {**POETRY, "pyproject.toml": '[tool.poetry.requires-plugins]\nx = "*"\n'}
    assert "plugins" in effects("poetry install --no-root", place(plugin)).unknown
    assert "poetry.lock" in effects("poetry install --no-root", place({"pyproject.toml": ""})).unknown


def test_pipenv_writes_its_lock_unless_told_not_to() -> None:
    where = place({"Pipfile": "", "Pipfile.lock": '{"default": {"idna": {"version": "==3"}}}', "x.py": ""})
    assert "/app/Pipfile.lock" in effects("pipenv install", where).writes
    assert "/app/Pipfile.lock" not in effects("pipenv install --deploy --system", where).writes
    assert needed("pipenv sync", where) == {"Pipfile", "Pipfile.lock"}
