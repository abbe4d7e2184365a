"""uv's options and variables.

https://docs.astral.sh/uv/reference/cli/ and https://docs.astral.sh/uv/reference/environment/
"""

from __future__ import annotations

from fastbuild.reorder.tools.options import Syntax, names

_FLAGS = names(
    "-q --quiet -v --verbose --all-extras --no-dev --dev --only-dev --no-default-groups --all-groups"
    " --no-editable --inexact --exact --active --no-install-project --no-install-workspace"
    " --no-install-local --locked --frozen --dry-run --all-packages --no-index --no-sources --reinstall"
    " --compile-bytecode --no-compile-bytecode --compile --no-build-isolation --no-build --no-binary"
    " --refresh --managed-python --no-managed-python --no-python-downloads --system-certs --native-tls"
    " --offline --no-progress --no-config -n --no-cache -U --upgrade --pre --no-deps --require-hashes"
    " --no-verify-hashes --verify-hashes --strict --system --break-system-packages --user --seed"
    " --allow-existing --clear -c --relocatable --system-site-packages --force --default --no-bin"
    " --no-hashes --no-header --no-annotate --no-emit-project --no-emit-workspace --no-emit-local"
    " --no-install-dev --check -h --help -V --version --no-require-build-hashes"
)
_VALUES = names(
    "--extra --no-extra --group --no-group --only-group --output-format --no-install-package --package"
    " --python-platform --index --default-index -i --index-url --extra-index-url --index-strategy"
    " --keyring-provider --resolution --prerelease --fork-strategy --exclude-newer --reinstall-package"
    " --link-mode -C --config-setting --config-settings --no-build-isolation-package --no-build-package"
    " --no-binary-package --refresh-package -p --python --allow-insecure-host --color -P --upgrade-package"
    " --python-preference --python-version --only-binary --torch-backend --prompt --mirror --pypy-mirror"
    " --format --no-emit-package --no-editable-package --exclude-newer-package"
)
FILES = names(
    "-r --requirement --requirements -c --constraint --constraints -b --build-constraint --override"
    " --overrides"
)
_OTHER = names("-e --editable -f --find-links -t --target --prefix --cache-dir -o --output-file --with")
SYNTAX = Syntax(flags=_FLAGS - {"-c"}, values=_VALUES | FILES | _OTHER)

VARIABLES = names(
    "UV_COMPILE_BYTECODE UV_LINK_MODE UV_NO_CACHE UV_CACHE_DIR UV_FROZEN UV_LOCKED UV_NO_DEV"
    " UV_NO_INSTALL_PROJECT UV_NO_INSTALL_LOCAL UV_NO_INSTALL_WORKSPACE UV_NO_PROGRESS UV_OFFLINE"
    " UV_PRERELEASE UV_RESOLUTION UV_INDEX_STRATEGY UV_INDEX_URL UV_EXTRA_INDEX_URL UV_DEFAULT_INDEX"
    " UV_INSECURE_HOST UV_KEYRING_PROVIDER UV_MANAGED_PYTHON UV_NO_MANAGED_PYTHON UV_NO_BINARY UV_NO_BUILD"
    " UV_NO_BUILD_ISOLATION UV_NO_CONFIG UV_NO_DEFAULT_GROUPS UV_NO_EDITABLE UV_NO_SOURCES UV_FORK_STRATEGY"
    " UV_PYTHON UV_PYTHON_DOWNLOADS UV_PYTHON_INSTALL_DIR UV_PYTHON_PREFERENCE UV_PROJECT_ENVIRONMENT"
    " UV_SYSTEM_PYTHON UV_BREAK_SYSTEM_PACKAGES UV_HTTP_TIMEOUT UV_HTTP_RETRIES UV_NATIVE_TLS"
    " UV_SYSTEM_CERTS UV_TOOL_DIR UV_TOOL_BIN_DIR UV_PYTHON_BIN_DIR UV_CONCURRENT_DOWNLOADS"
    " UV_CONCURRENT_BUILDS UV_CONCURRENT_INSTALLS UV_REQUEST_TIMEOUT UV_VERSION UV_PYTHON_CACHE_DIR"
    " UV_NO_WRAP UV_PREVIEW UV_TORCH_BACKEND UV_PYTHON_INSTALL_MIRROR UV_REQUIRE_HASHES UV_VERIFY_HASHES"
    " UV_VENV_SEED UV_NO_MODIFY_PATH UV_INSTALL_DIR UV_UNMANAGED_INSTALL UV_NO_SYNC UV_EXCLUDE_NEWER"
    " UV_NO_VERIFY_HASHES UV_HIDE_BUILD_OUTPUT UV_ENV_DIR"
)
DIRECTORIES = names(
    "UV_CACHE_DIR UV_PYTHON_INSTALL_DIR UV_PROJECT_ENVIRONMENT UV_TOOL_DIR UV_TOOL_BIN_DIR UV_PYTHON_BIN_DIR"
)
