from __future__ import annotations

import json

import pytest

from fastbuild.dockerfile.shell import read_script
from fastbuild.reorder.effects import Trust, overlap
from fastbuild.reorder.tools import TOOLS, matters, tool_for, unwrap
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS
from tests.reorder.tools.places import effects, needed, place

SUM = "rsc.io/quote v1.5.2 h1:x=\nrsc.io/quote v1.5.2/go.mod h1:y=\n"
GO = {
    "go.mod": "module m\n\ngo 1.22\n\nrequire (\n\trsc.io/quote v1.5.2 // indirect\n"
    "\tnear v0.0.0\n)\n\nreplace near => ./near\n",
    "go.sum": SUM,
    "near/go.mod": "module near\n",
    "near/near.go": "",
    "main.go": "",
    "vendor/modules.txt": "",
}


def test_go_mod_download_needs_the_module_files() -> None:
    found = effects("go mod download -x", place(GO))
    assert needed("go mod download -x", place(GO)) == {"go.mod", "go.sum", "near/go.mod"}
    assert found.trust is Trust.MODEL
    assert overlap(found.writes, ["/app"]) is None
    assert {"/go/pkg", "/go/bin"} <= found.writes
    assert overlap(found.writes, ["/go/src/app"]) is None
    assert matters(found.env, "GOPROXY")
    assert not matters(found.env, "VERSION")


def test_go_mod_download_writes_a_go_sum_that_lacks_sums() -> None:
    assert "/app/go.sum" in effects("go mod download", place({**GO, "go.sum": ""})).writes
    without = {k: v for k, v in GO.items() if k != "go.sum"}
    assert "/app/go.sum" in effects("go mod download", place(without)).writes


def test_an_old_go_mod_is_a_doubt() -> None:
    old = {**GO, "go.mod": GO["go.mod"].replace("1.22", "1.16")}
    assert effects("go mod download", place(old)).trust is Trust.LIKELY


def test_a_go_workspace_needs_the_modules_it_uses() -> None:
    files = {
        "go.work": "go 1.22\nuse (\n\t./a\n\t./b\n)\n",
        "go.work.sum": "",
        "a/go.mod": "module a\ngo 1.22\nrequire rsc.io/quote v1.5.2\n",
        "a/go.sum": SUM,
        "b/go.mod": "module b\ngo 1.22\n",
        "b/b.go": "",
    }
    assert needed("go mod download", place(files)) == {*files} - {"b/b.go"}
    assert needed("GOWORK=off go mod download", place({**files, "go.mod": "module m\ngo 1.22\n"})) >= {
        "go.mod"
    }


def test_a_go_mod_above_the_current_directory_is_found() -> None:
    where = place({"/app/go.mod": GO["go.mod"], "/app/go.sum": SUM, "/app/near/go.mod": ""}, cwd="/app/cmd")
    assert "/app/go.sum" in effects("go mod download", where).reads


@pytest.mark.parametrize(
    ("command", "unclear"),
    [
        ("go install golang.org/x/tools/cmd/stringer@v0.1.0", False),
        ("go build -o /bin/app ./...", False),
        ("go env -w GOPROXY=https://p.example", False),
        ("go generate ./...", True),
        ("go test ./...", True),
        ("go run .", True),
        ("go mod tidy", True),
        ("go mod download -modfile=x.mod", True),
        ("GOFLAGS=-modfile=x.mod go mod download", True),
    ],
)
def test_go_commands_that_run_code_or_change_go_mod_are_unknown(command: str, unclear: bool) -> None:
    assert bool(effects(command, place(GO)).unknown) is unclear


def test_go_build_reads_its_modules_and_files_beside_them_are_a_doubt() -> None:
    assert needed("go build -o /bin/app .", place(GO)) == {*GO}
    assert effects("go build -o /bin/app .", place(GO)).trust is Trust.MODEL
    assert effects("go build -o /bin/app .", place({**GO, "/other/x.h": ""})).trust is Trust.LIKELY


CRATE = '[package]\nname = "x"\nversion = "0.1.0"\n'
CARGO = {
    "Cargo.toml": CRATE
    + '[workspace]\nmembers = ["crates/*"]\n[target."cfg(unix)".dependencies]\nfar = { path = "far" }\n',
    "Cargo.lock": "",
    "src/main.rs": "",
    "src/other.rs": "",
    "tests/t.rs": "",
    "crates/a/Cargo.toml": CRATE,
    "crates/a/src/lib.rs": "",
    "far/Cargo.toml": CRATE + '[[bin]]\nname = "b"\n',
    "far/src/bin/b.rs": "",
    "far/src/bin/c.rs": "",
    "rust-toolchain.toml": "",
    ".cargo/config.toml": '[source.v]\ndirectory = "vendor"\n',
    "vendor/x/lib.rs": "",
}


def test_cargo_fetch_needs_manifests_and_the_files_that_must_exist() -> None:
    assert needed("cargo fetch --locked", place(CARGO)) == {*CARGO} - {"src/other.rs", "tests/t.rs"}
    assert effects("cargo fetch --locked", place(CARGO)).trust is Trust.MODEL


def test_cargo_fetch_without_locked_writes_the_lock() -> None:
    assert "/app/Cargo.lock" in effects("cargo fetch", place(CARGO)).writes
    assert "/app/Cargo.lock" not in effects("cargo +stable fetch --locked", place(CARGO)).writes


def test_cargo_is_unknown_where_files_can_not_be_told() -> None:
    assert effects("cargo test", place(CARGO)).unknown
    assert (
        "far"
        in effects("cargo fetch --locked", place({k: v for k, v in CARGO.items() if "far/" not in k})).unknown
    )
    odd = {**CARGO, ".cargo/config.toml": "include = 'x.toml'\n"}
    assert "include" in effects("cargo fetch --locked", place(odd)).unknown


def test_cargo_install_of_a_crate_reads_no_source_and_cargo_build_all_of_it() -> None:
    assert "src/main.rs" not in needed("cargo install --locked ripgrep", place(CARGO))
    assert needed("cargo build --release", place(CARGO)) == {*CARGO}


POM = "<project xmlns='http://maven.apache.org/POM/4.0.0'>{}</project>"
MAVEN = {
    "pom.xml": POM.format(
        "<parent><relativePath>up/pom.xml</relativePath></parent><modules><module>one</module></modules>"
    ),
    "up/pom.xml": POM.format(""),
    "one/pom.xml": POM.format("<parent/>"),
    "one/src/A.java": "",
    ".mvn/maven.config": "",
    "settings.xml": "",
}


def test_maven_needs_poms_and_is_never_sure() -> None:
    command = "mvn -B -s settings.xml dependency:go-offline"
    assert needed(command, place(MAVEN)) == {*MAVEN} - {"one/src/A.java"}
    assert effects(command, place(MAVEN)).trust is Trust.LIKELY
    assert "settings.xml" not in needed("./mvnw dependency:resolve", place(MAVEN))


@pytest.mark.parametrize(
    ("command", "extra", "reason"),
    [
        ("mvn package", {}, "plugins"),
        ("mvn dependency:go-offline", {".mvn/extensions.xml": ""}, "extensions"),
        (
            "mvn dependency:go-offline",
            {"one/pom.xml": POM.format("<systemPath>${basedir}/x.jar</systemPath>")},
            "local",
        ),
        (
            "mvn dependency:go-offline",
            {"pom.xml": POM.format("<modules><module>${m}</module></modules>")},
            "properties",
        ),
        (
            "mvn dependency:go-offline",
            {"pom.xml": POM.format("<modules><module>two</module></modules>")},
            "two/pom.xml",
        ),
    ],
)
def test_maven_is_unknown_where_files_can_not_be_told(
    command: str, extra: dict[str, str], reason: str
) -> None:
    assert reason in effects(command, place({**MAVEN, **extra})).unknown


def test_gradle_needs_its_scripts_and_is_never_sure() -> None:
    files = {
        "settings.gradle.kts": "",
        "app/build.gradle.kts": "plugins { java }",
        "gradle/libs.versions.toml": "",
        "gradlew": "",
        "src/A.java": "",
    }
    assert needed("./gradlew dependencies --no-daemon", place(files)) == {*files} - {"src/A.java"}
    assert effects("gradle dependencies", place(files)).trust is Trust.LIKELY
    assert effects("gradle build", place(files)).unknown
    assert effects(
        "gradle dependencies", place({**files, "build.gradle": "x = file('VERSION').text"})
    ).unknown


COMPOSER = {
    "composer.json": json.dumps({"autoload": {"psr-4": {"App\\": "src/"}, "classmap": ["old"]}}),
    "composer.lock": json.dumps({"packages": [{"name": "psr/log", "type": "library"}]}),
    "src/A.php": "",
    "old/B.php": "",
    "public/index.php": "",
}


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("composer install --no-scripts --no-autoloader", {"composer.json", "composer.lock"}),
        ("composer install --no-dev -o", {*COMPOSER} - {"public/index.php"}),
    ],
)
def test_composer_needs_sources_for_its_autoloader(command: str, files: set[str]) -> None:
    assert needed(command, place(COMPOSER)) == files
    assert effects(command, place(COMPOSER)).trust is Trust.LIKELY


def test_composer_reads_git_for_the_version_of_the_root_package() -> None:
    files = {**COMPOSER, ".git/HEAD": ""}
    assert ".git/HEAD" in needed("composer install --no-autoloader", place(files))
    assert ".git/HEAD" not in needed("COMPOSER_ROOT_VERSION=1 composer install --no-autoloader", place(files))


def test_composer_scripts_and_reading_plugins_are_unknown() -> None:
    scripts = {**COMPOSER, "composer.json": json.dumps({"scripts": {"post-install-cmd": "x"}})}
    assert "post-install-cmd" in effects("composer install", place(scripts)).unknown
    assert not effects("composer install --no-scripts", place(scripts)).unknown
    flex = {
        **COMPOSER,
        "composer.lock": json.dumps({"packages": [{"name": "symfony/flex", "type": "composer-plugin"}]}),
    }
    assert "symfony/flex" in effects("composer install", place(flex)).unknown
    assert not effects("composer install --no-plugins", place(flex)).unknown


GEMS = {
    "Gemfile": "source 'https://rubygems.org'\nruby '3.3.0'\n\ngem 'rails', '~> 7.1' # web\n"
    'group :test do\n  gem "rspec"\nend\n',
    "Gemfile.lock": "GEM\n  specs:\n",
    "app.rb": "",
}


def test_bundler_needs_gemfile_and_lock() -> None:
    assert needed("bundle install --jobs 4", place(GEMS)) == {"Gemfile", "Gemfile.lock"}
    assert "/app/Gemfile.lock" in effects("bundle install", place(GEMS)).writes
    assert "/app/Gemfile.lock" not in effects("BUNDLE_FROZEN=1 bundle install", place(GEMS)).writes
    assert "/app/.bundle" in effects("bundle config set --local without test", place(GEMS)).writes


@pytest.mark.parametrize(
    "line",
    [
        "gemspec",
        "eval_gemfile 'x'",
        "gem 'x', path: 'x'",
        "gem 'x', File.read('V')",
        "ruby File.read('.ruby-version')",
    ],
)
def test_a_gemfile_that_may_read_files_is_unknown(line: str) -> None:
    found = effects("bundle install", place({**GEMS, "Gemfile": line + "\n"}))
    if "File" in line and "gem '" in line:
        assert found.unknown or found.trust is Trust.LIKELY
    else:
        assert found.unknown


@pytest.mark.parametrize(
    "command",
    [
        "apt-get update",
        "apt-get install -y --no-install-recommends curl libpq-dev=15.*",
        "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y -o Dpkg::Options::=--force-confold nginx",
        "apk add --no-cache --virtual .deps gcc musl-dev",
        "dnf install -y --setopt=install_weak_deps=False gcc",
        "update-ca-certificates",
    ],
)
def test_package_managers_change_the_system_and_need_no_project(command: str) -> None:
    found = effects(command.replace("=15.*", ""), place("a.txt src/b.txt"))
    assert not found.unknown
    assert {"/etc", "/var/lib", "/usr/bin"} <= found.reads & found.writes
    assert overlap(found.reads | found.writes, ["/app", "/usr/src/app", "/home/app"]) is None


def test_local_packages_are_read() -> None:
    assert needed("apt-get install -y ./x.deb", place("x.deb y.deb")) == {"x.deb"}
    assert needed("dpkg -i x.deb", place("x.deb y.deb")) == {"x.deb"}
    assert needed("apk add --allow-untrusted ./x.apk", place("x.apk")) == {"x.apk"}


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("apt-get build-dep .", {}),
        ("apt-get -o Dir::Etc=/app install x", {}),
        ("apt-get install x", {"/etc/apt/sources.list.d/x.list": "deb [trusted=yes] file:/app/repo ./"}),
        ("apk add -X /app/repo x", {}),
        ("apk add --root /x y", {}),
        ("dnf --installroot /x install y", {}),
    ],
)
def test_package_managers_with_local_sources_are_unknown(command: str, files: dict[str, str]) -> None:
    assert effects(command, place(files)).unknown


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("curl -fsSL https://example.org/x.sh", set()),
        ("curl -fsSLo /usr/local/bin/x https://example.org/x", {"/usr/local/bin/x"}),
        ("curl -O --output-dir /opt 'https://example.org/a/x.tar.gz?v=1'", {"/opt/x.tar.gz"}),
        ("wget -qO- https://example.org/x", {"/root/.wget-hsts"}),
        ("wget -q -P /opt https://example.org/x.zip", {"/root/.wget-hsts", "/opt/x.zip", "/opt/x.zip.1"}),
        ("tar xzf x.tgz -C /opt --strip-components=1", {"/opt"}),
        ("tar -xzC /usr/local -f /tmp/x.tgz", {"/usr/local"}),
        ("tar -xJf x.tar.xz", {"/app"}),
        ("tar tf x.tar", set()),
        ("unzip -q x.zip -d /opt/x", {"/opt/x"}),
        ("git clone --depth 1 -b v1 https://github.com/a/b.git", {"/app/b"}),
        ("git clone git@github.com:a/b.git /src", {"/src"}),
        ("gpg --dearmor -o /usr/share/keyrings/x.gpg", {"/root/.gnupg", "/usr/share/keyrings/x.gpg"}),
    ],
)
def test_downloads_write_where_they_are_told(command: str, writes: set[str]) -> None:
    found = effects(command, place())
    assert not found.unknown, found.unknown
    assert found.writes == writes


@pytest.mark.parametrize(
    "command",
    [
        "curl -T x https://example.org",
        "curl -d @x https://example.org",
        "curl -H @headers https://example.org",
        "curl file:///app/x -o y",
        "curl -K x",
        "wget -i list",
        "wget -r https://example.org",
        "tar czf x.tgz .",
        "tar -xf x.tar -T list",
        "tar -xPf x.tar",
        "git clone ../other",
        "git describe",
        "git clone --template=x https://example.org/x",
    ],
)
def test_downloads_that_read_or_send_files_are_unknown(command: str) -> None:
    assert effects(command, place("x list")).unknown


def test_archives_of_the_context_are_read_and_may_hold_links() -> None:
    assert needed("tar -xf x.tar -C /opt", place("x.tar y")) == {"x.tar"}
    assert effects("tar -xf x.tar -C /opt", place("x.tar")).makes_links
    assert needed("unzip x -d /opt", place("x.zip y")) == {"x.zip"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sudo pip install x", "pip"),
        ("exec nice -n 5 time -p pip install x", "pip"),
        ("env A=b C=d npm ci", "npm"),
        ("python3.11 -u -m venv /venv", "venv"),
        ("python3 -m pip install x", "pip"),
        ("timeout 60 npm ci", "npm"),
        ("corepack pnpm install", "pnpm"),
        ("corepack enable", "corepack"),
        ("command -v pip", "command"),
        ("python setup.py install", "python"),
        ("python -m http.server", "python"),
        ("/opt/venv/bin/pip install x", "pip"),
        ("npm ci", "npm"),
    ],
)
def test_wrappers_come_off(text: str, name: str) -> None:
    call = unwrap(read_script(text).calls[0])
    assert call is not None
    assert call.name == name


@pytest.mark.parametrize(
    "text", ["sudo -u app pip x", "env -i pip x", "env -C /x pip x", "sudo", "$PIP install x", "nice -x pip"]
)
def test_wrappers_that_can_not_be_followed_give_nothing(text: str) -> None:
    assert unwrap(read_script(text).calls[0]) is None


def test_wrappers_keep_and_add_assignments() -> None:
    call = unwrap(read_script("A=1 env B='x y' C=$D pip install x").calls[0])
    assert call is not None
    assert [(name, word.value) for name, word in call.assignments] == [("A", "1"), ("B", "x y"), ("C", None)]


def test_every_tool_is_found_by_its_names_and_refuses_words_only_the_shell_knows() -> None:
    for tool in TOOLS:
        for name in tool.names:
            assert tool_for(name) is tool
            call = read_script(f"{name} $WORD").calls[0]
            assert tool.effects(call, place()).unknown
    assert tool_for("make") is None
    assert tool_for("pip3.12") is tool_for("pip")


@pytest.mark.parametrize(
    "name",
    ["GIT_SHA", "COMMIT", "GITHUB_SHA", "BUILD_DATE", "CI_COMMIT_SHORT_SHA", "VCS_REF", "BUILD_NUMBER"],
)
def test_stamps_do_not_matter_to_third_parties(name: str) -> None:
    assert not matters(ANY_BUT_STAMPS, name)
    assert matters(None, name)
    assert matters(ANY_BUT_STAMPS | {name}, name)


@pytest.mark.parametrize(
    "name", ["VERSION", "DEBUG", "CFLAGS", "SOURCE_DATE_EPOCH", "NODE_ENV", "APP_ENV", "TAG"]
)
def test_other_variables_may_matter_to_third_parties(name: str) -> None:
    assert matters(ANY_BUT_STAMPS, name)
    assert not matters(frozenset({"PIP_*", "HOME"}), name)


def test_families_of_variables_ignore_case() -> None:
    assert matters(frozenset({"NPM_*"}), "npm_config_registry")
    assert matters(frozenset({"HTTP_PROXY"}), "http_proxy")
    assert not matters(frozenset({"GO*"}), "NGO")


def test_files_that_variables_name_are_read() -> None:
    where = place("ca.pem x", env={"NODE_EXTRA_CA_CERTS": "/app/ca.pem", "HOME": "/app"})
    assert needed("npm install -g pnpm", where) == {"ca.pem"}


@pytest.mark.parametrize("value", ["--require ./x.js", "-r ./x.js", "--import=./x.mjs"])
def test_code_that_variables_load_is_unknown(value: str) -> None:
    assert (
        "NODE_OPTIONS" in effects("npm install -g pnpm", place("x.js", env={"NODE_OPTIONS": value})).unknown
    )
    assert not effects(
        "npm install -g pnpm", place("x.js", env={"NODE_OPTIONS": "--max-old-space-size=4096"})
    ).unknown


def test_assignments_of_env_hold_and_those_only_the_shell_knows_are_unknown() -> None:
    where = place("limits.txt")
    assert needed("env PIP_CONSTRAINT=limits.txt pip install x", where) == {"limits.txt"}
    assert "PIP_CONSTRAINT" in effects("PIP_CONSTRAINT=$(find-it) pip install x", where).unknown
    assert not effects("NPM_TOKEN=$(cat /run/secrets/t) npm install -g pnpm", where).unknown
    assert "/other/.npm" in effects("HOME=/other npm install -g pnpm", where).writes
