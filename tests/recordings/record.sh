#!/bin/bash
# Makes every recording anew. Needs root, runc, a static busybox, and in $BIN: buildkitd, buildctl, buildx,
# registry (distribution) and versitygw. Usage: BIN=DIR tests/recordings/record.sh [NAME…]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
export AWS_ACCESS_KEY_ID=recorder AWS_SECRET_ACCESS_KEY=recorder-secret DOCKER_CONFIG=$work/docker
registry=127.0.0.1:5399 s3=http://127.0.0.1:7399 sock=unix://$work/s.sock
mkdir -p "$work/s3/recordings" "$work/registry" "$DOCKER_CONFIG" "$work/base/bin" "$work/base/tmp" "$work/base/etc"
pids=()
daemon=
trap 'kill $daemon "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT

cat >"$work/registry.yml" <<YML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "$registry"}
YML
"$BIN/registry" serve "$work/registry.yml" >"$work/registry.log" 2>&1 & pids+=($!)
"$BIN/versitygw" --port 127.0.0.1:7399 --access "$AWS_ACCESS_KEY_ID" --secret "$AWS_SECRET_ACCESS_KEY" --quiet \
  posix --nometa "$work/s3" >"$work/s3.log" 2>&1 & pids+=($!)
printf '[registry."docker.io"]\nmirrors=["%s"]\n[registry."%s"]\nhttp=true\n' $registry $registry >"$work/buildkitd.toml"

fresh() { # a daemon that has never built anything
  if [ -n "$daemon" ]; then kill "$daemon"; wait "$daemon" || true; rm -rf "$work/root"; fi
  "$BIN/buildkitd" --config "$work/buildkitd.toml" --root "$work/root" --addr "$sock" \
    --oci-worker-net host --containerd-worker=false >"$work/buildkitd.log" 2>&1 & daemon=$!
  until "$BIN/buildctl" --addr "$sock" debug workers >/dev/null 2>&1; do sleep 0.1; done
}
build() { # NAME CONTEXT FLAGS…
  local name=$1 context=$here/contexts/$2; shift 2
  "$BIN/buildctl" --addr "$sock" build --frontend dockerfile.v0 --local "context=$context" --local "dockerfile=$context" \
    --progress=rawjson "$@" 2>"$work/$name.rawjson" || echo "$name: exit $?: $(tail -n 1 "$work/$name.rawjson" | cut -c 1-300)"
}
s3() { echo "type=s3,region=us-east-1,bucket=recordings,endpoint_url=$1,use_path_style=true,name=$2"; }
output="type=oci,dest=/dev/null"
push="type=image,name=$registry/app:latest,push=true"

# the base image: busybox, twice
cp "$(command -v busybox)" "$work/base/bin/busybox"
echo root:x:0:0:root:/:/bin/sh >"$work/base/etc/passwd"
for applet in $("$work/base/bin/busybox" --list | grep -vx busybox); do ln -s busybox "$work/base/bin/$applet"; done
printf 'FROM scratch\nCOPY . /\nENV PATH=/bin\n' >"$work/base.Dockerfile"
fresh
for tag in 1.36 1.37; do
  mkdir -p "$work/df"; cp "$work/base.Dockerfile" "$work/df/Dockerfile"; echo $tag >"$work/base/etc/version"
  "$BIN/buildctl" --addr "$sock" build --frontend dockerfile.v0 --local "context=$work/base" --local "dockerfile=$work/df" \
    --opt platform=linux/amd64,linux/arm64 --output "type=image,name=$registry/library/busybox:$tag,push=true" >"$work/base.log" 2>&1
done

fresh; build cold app --output "$output"
build warm app --output "$output"
fresh; build single single
build single-warm single
fresh; build failing failing
fresh; build linked linked --output "$output"
build linked-warm linked --output "$output"
fresh; build onbuild onbuild
fresh; build broken broken
fresh; build warned warned
fresh; build platforms platforms --opt platform=linux/amd64,linux/arm64 --output "$output"
fresh
"$BIN/buildctl" --addr "$sock" build --frontend dockerfile.v0 --local "context=$here/contexts/cancelled" \
  --local "dockerfile=$here/contexts/cancelled" --progress=rawjson 2>"$work/cancelled.rawjson" & client=$!
until grep -q d2FpdGluZ "$work/cancelled.rawjson"; do sleep 0.1; done # "waiting" in base64
kill -INT $client; wait $client || true
fresh; build s3-export app --output "$push" --export-cache "$(s3 $s3 main),mode=max"
fresh; build s3-all-hit app --import-cache "$(s3 $s3 main)" --export-cache "$(s3 $s3 main),mode=max"
fresh; build s3-blobs app-changed --import-cache "$(s3 $s3 main)" --import-cache "$(s3 $s3 absent)" --output "$output"
fresh; build dead-import app --import-cache "$(s3 http://127.0.0.1:1 main),retry_max_attempts=1"
fresh; build dead-export single --export-cache "$(s3 http://127.0.0.1:1 main),retry_max_attempts=1,ignore-error=true"
find "$work/s3/recordings/blobs" -type f -delete
fresh; build missing-blob app --import-cache "$(s3 $s3 main)" --output "$output"
fresh
"$BIN/buildx" create --name recorder --driver remote "$sock" >/dev/null
buildx() { # NAME CONTEXT FLAGS…
  local name=$1 context=$here/contexts/$2; shift 2
  "$BIN/buildx" build --builder recorder --progress=rawjson "$@" "$context" 2>"$work/$name.rawjson" >/dev/null || echo "$name: exit $?: $(tail -n 1 "$work/$name.rawjson" | cut -c 1-300)"
}
buildx buildx-cold app --output "$output" --provenance=false
buildx buildx-failing failing

for file in "$work"/*.rawjson; do
  sed -i "s#$here/contexts/##g; s#$work#/work#g" "$file"
  name=$(basename "$file" .rawjson)
  if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then cp "$file" "$here/"; fi
done
