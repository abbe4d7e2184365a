from __future__ import annotations

import json
from typing import Any

import pytest

from fastbuild.reorder.effects import Trust
from fastbuild.reorder.tools import matters
from tests.reorder.tools.places import effects, needed, place


def package(**fields: Any) -> str:
    return json.dumps({"name": "x", "version": "1.0.0", **fields})


def lock(**packages: Any) -> str:
    return json.dumps({"lockfileVersion": 3, "packages": {"": {}, **packages}})


PLAIN = lock(**{"node_modules/ms": {"version": "2.1.3", "resolved": "https://registry.npmjs.org/ms.tgz"}})
APP = {
    "package.json": package(dependencies={"ms": "^2"}),
    "package-lock.json": PLAIN,
    "src/index.js": "",
    ".npmrc": "",
}
WORKSPACE = {
    "package.json": package(workspaces=["packages/*", "!packages/old"]),
    "package-lock.json": PLAIN,
    "packages/a/package.json": package(),
    "packages/a/index.js": "",
    "packages/b/package.json": package(dependencies={"a": "*"}),
    "docs/package.json": package(scripts={"postinstall": "node build.js"}),
}


@pytest.mark.parametrize(
    ("command", "files", "expected"),
    [
        ("npm ci", APP, {"package.json", "package-lock.json", ".npmrc"}),
        ("npm ci --omit=dev --no-audit --no-fund", APP, {"package.json", "package-lock.json", ".npmrc"}),
        ("npm install --omit dev", APP, {"package.json", "package-lock.json", ".npmrc"}),
        (
            "npm ci",
            WORKSPACE,
            {"package.json", "package-lock.json", "packages/a/package.json", "packages/b/package.json"},
        ),
        (
            "npm ci",
            {
                **APP,
                "package.json": package(dependencies={"f": "file:./lib/f"}),
                "lib/f/package.json": package(),
                "lib/f/i.js": "",
            },
            {"package.json", "package-lock.json", ".npmrc", "lib/f/package.json", "lib/f/i.js"},
        ),
        ("npm install -g pnpm@9", APP, {".npmrc"}),
        ("corepack enable", APP, {"package.json"}),
    ],
)
def test_npm_needs_manifests_settings_and_local_dependencies(
    command: str, files: dict[str, str], expected: set[str]
) -> None:
    assert needed(command, place(files)) == expected
    assert effects(command, place(files)).trust is Trust.MODEL


@pytest.mark.parametrize(
    "name", ["preinstall", "install", "postinstall", "prepare", "prepublish", "dependencies"]
)
def test_a_script_of_the_root_package_makes_npm_unknown(name: str) -> None:
    files = {**APP, "package.json": package(scripts={name: "node scripts/build.js"})}
    assert f"`{name}` script" in effects("npm ci", place(files)).unknown
    assert not effects("npm ci --ignore-scripts", place(files)).unknown


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({**APP, "binding.gyp": "{}"}, "compile"),
        ({**WORKSPACE, "packages/a/package.json": package(scripts={"prepare": "tsc"})}, "`prepare` script"),
        ({**APP, ".npmrc": "script-shell=./sh\n"}, "script-shell"),
        ({**APP, "package.json": "{"}, "not JSON"),
        ({"package-lock.json": PLAIN}, "package.json"),
        ({"package.json": package()}, "package-lock.json"),
        ({**APP, "/package.json": package(workspaces=["app"])}, "workspace of"),
        (
            {**APP, "package-lock.json": lock(**{"node_modules/@prisma/client": {"hasInstallScript": True}})},
            "schema.prisma",
        ),
        (
            {**APP, "package-lock.json": lock(**{"node_modules/z": {"link": True, "resolved": "lib/z"}})},
            "links",
        ),
    ],
)
def test_npm_is_unknown_where_code_of_the_project_runs_or_files_can_not_be_told(
    files: dict[str, str], reason: str
) -> None:
    assert reason in effects("npm ci", place(files)).unknown


def test_known_harmless_scripts_are_no_obstacle() -> None:
    allow = {**APP, "package.json": package(scripts={"preinstall": "npx only-allow npm"})}
    assert effects("npm ci", place(allow)).trust is Trust.MODEL
    husky = {**APP, "package.json": package(scripts={"prepare": "husky install"})}
    assert effects("npm ci", place(husky)).trust is Trust.LIKELY
    assert effects("npm ci", place({**husky, ".git/HEAD": "ref"})).unknown


def test_install_scripts_of_dependencies_are_a_doubt_unless_known() -> None:
    odd = {**APP, "package-lock.json": lock(**{"node_modules/bcrypt": {"hasInstallScript": True}})}
    assert "bcrypt" in effects("npm ci", place(odd)).doubts[0]
    assert effects("npm ci --ignore-scripts", place(odd)).trust is Trust.MODEL
    known = {**APP, "package-lock.json": lock(**{"node_modules/esbuild": {"hasInstallScript": True}})}
    assert effects("npm ci", place(known)).trust is Trust.MODEL
    mac = {
        **APP,
        "package-lock.json": lock(**{"node_modules/mac": {"hasInstallScript": True, "os": ["darwin"]}}),
    }
    assert effects("npm ci", place(mac)).trust is Trust.MODEL


def test_programs_of_workspace_members_are_read_and_made_executable() -> None:
    files = {**WORKSPACE, "packages/a/package.json": package(bin={"a": "cli.js"}), "packages/a/cli.js": ""}
    found = effects("npm ci", place(files))
    assert "/app/packages/a/cli.js" in found.reads & found.writes


def test_npm_install_writes_the_lock_and_npm_ci_does_not() -> None:
    assert "/app/package-lock.json" in effects("npm install", place(APP)).writes
    assert "/app/package-lock.json" not in effects("npm ci", place(APP)).writes


def test_without_install_scripts_npm_needs_few_variables() -> None:
    found = effects("npm ci", place({**APP, ".npmrc": "//r.example/:_authToken=${MY_TOKEN}\n"}))
    assert matters(found.env, "MY_TOKEN")
    assert matters(found.env, "npm_config_registry")
    assert matters(found.env, "NODE_ENV")
    assert not matters(found.env, "VERSION")
    odd = {**APP, "package-lock.json": lock(**{"node_modules/esbuild": {"hasInstallScript": True}})}
    assert matters(effects("npm ci", place(odd)).env, "VERSION")


@pytest.mark.parametrize(
    "command", ["npm run build", "npm install express", "npm install -g .", "npm ci --strange", "npm test"]
)
def test_other_uses_of_npm_are_unknown(command: str) -> None:
    assert effects(command, place(APP)).unknown


def test_a_workspace_directory_that_a_run_may_have_changed_is_unknown() -> None:
    assert "earlier step" in effects("npm ci", place(WORKSPACE, written="/app/packages/gen")).unknown


PNPM = {
    "package.json": package(packageManager="pnpm@9.0.0"),
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\n\npackages:\n\n  ms@2.1.3:\n    resolution: {integrity: x}\n",
    "pnpm-workspace.yaml": "packages:\n  - 'packages/*'  # all\n",
    "packages/a/package.json": package(),
    "packages/a/index.js": "",
}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pnpm install --frozen-lockfile", {*PNPM} - {"packages/a/index.js"}),
        ("corepack pnpm@9 install --frozen-lockfile", {*PNPM} - {"packages/a/index.js"}),
        ("pnpm fetch", {"package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"}),
    ],
)
def test_pnpm_needs_manifests(command: str, expected: set[str]) -> None:
    assert needed(command, place(PNPM)) == expected
    assert effects(command, place(PNPM)).trust is Trust.LIKELY
    assert effects(command + " --ignore-scripts", place(PNPM)).trust is Trust.MODEL


def test_pnpm_reads_patches_local_archives_and_hooks() -> None:
    files = {
        **PNPM,
        "pnpm-lock.yaml": PNPM["pnpm-lock.yaml"]
        + "patchedDependencies:\n  ms:\n    hash: x\n    path: patches/ms.patch\n"
        + "  x:\n    resolution: {tarball: file:vendor/x.tgz}\n",
        "patches/ms.patch": "",
        "vendor/x.tgz": "",
        ".pnpmfile.cjs": "",
    }
    assert {"patches/ms.patch", "vendor/x.tgz", ".pnpmfile.cjs"} <= needed(
        "pnpm install --frozen-lockfile", place(files)
    )
    assert effects("pnpm install --frozen-lockfile --ignore-scripts", place(files)).trust is Trust.LIKELY


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({**PNPM, "pnpm-workspace.yaml": "storeDir: ./store\n"}, "storeDir"),
        ({**PNPM, "pnpm-workspace.yaml": "packages: &a\n  - x\n"}, "can't read"),
        ({**PNPM, "package.json": package(scripts={"pnpm:devPreinstall": "node x"})}, "devPreinstall"),
        ({"package.json": package()}, "pnpm-lock.yaml"),
    ],
)
def test_pnpm_is_unknown_where_files_can_not_be_told(files: dict[str, str], reason: str) -> None:
    assert reason in effects("pnpm install --frozen-lockfile", place(files)).unknown


def test_pnpm_without_frozen_lockfile_writes_the_lock() -> None:
    assert "/app/pnpm-lock.yaml" in effects("pnpm install", place(PNPM)).writes
    assert "/app/pnpm-lock.yaml" not in effects("pnpm install --frozen-lockfile", place(PNPM)).writes


YARN = {
    "package.json": package(workspaces={"packages": ["packages/**"]}),
    "yarn.lock": "# yarn lockfile v1\n\nms@^2:\n  version 2.1.3\n",
    "packages/deep/a/package.json": package(),
    "packages/deep/a/index.js": "",
    ".yarnrc.yml": "nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn.cjs\n",
    ".yarn/releases/yarn.cjs": "",
    "index.js": "",
}


@pytest.mark.parametrize(
    "command", ["yarn --frozen-lockfile", "yarn install --immutable", "yarnpkg install --immutable"]
)
def test_yarn_needs_manifests_and_its_own_directory(command: str) -> None:
    found = effects(command, place(YARN))
    assert needed(command, place(YARN)) == {*YARN} - {"index.js", "packages/deep/a/index.js"}
    assert "/app/yarn.lock" not in found.writes
    assert "/app/.yarn/releases" not in found.writes


def test_yarn_without_a_promise_writes_lock_and_manifests() -> None:
    assert {"/app/yarn.lock", "/app/package.json"} <= effects("yarn install", place(YARN)).writes


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({**YARN, ".yarnrc.yml": "cacheFolder: ../c\n"}, "cacheFolder"),
        ({**YARN, ".yarnrc": "cache-folder ./c\n"}, "cache-folder"),
        ({**YARN, "package.json": package(scripts={"postinstall": "patch-package"})}, "`postinstall` script"),
        ({**YARN, "yarn.lock": '"@prisma/client@^5":\n  version 5\n'}, "schema.prisma"),
    ],
)
def test_yarn_is_unknown_where_files_can_not_be_told(files: dict[str, str], reason: str) -> None:
    assert reason in effects("yarn install --frozen-lockfile", place(files)).unknown


def test_yarn_patches_are_read() -> None:
    files = {
        **YARN,
        "package.json": package(dependencies={"ms": "patch:ms@npm%3A2.1.3#./patches/ms.patch"}),
        "patches/ms.patch": "",
    }
    assert "patches/ms.patch" in needed("yarn install --immutable", place(files))
