# shellcheck shell=bash
set -euo pipefail
# What a release is made with: versions and checksums that notice what is wrong, and consign's own image, made by
# consign, pushed, pulled and run by others.

RELEASE=$WORK/release
RELEASE_SCRIPTS=$HERE/../../release

release_version() {
  local version
  version=$("$RELEASE_SCRIPTS/version.sh")
  same "what the binary says" "consign $version" "$("$CONSIGN" --version)"
  same "version by its tag" "$version" "$("$RELEASE_SCRIPTS/version.sh" "v$version")"
  fails_with 1 "$RELEASE_SCRIPTS/version.sh" "$version"
  fails_with 1 "$RELEASE_SCRIPTS/version.sh" v999.0.0
  says "the tag is \`v999.0.0\`, and Cargo.toml has the version $version"
}

release_checksums() {
  local dist=$RELEASE/dist
  mkdir -p "$dist"
  cp "$CONSIGN" "$dist/consign-linux-x86_64"
  echo '{}' >"$dist/consign-linux-x86_64.cdx.json"
  "$RELEASE_SCRIPTS/checksums.sh" "$dist"
  cd "$dist"
  sha256sum --check --strict SHA256SUMS
  same "files" "consign-linux-x86_64 consign-linux-x86_64.cdx.json" "$(awk '{ print $2 }' SHA256SUMS | xargs)"
  cp SHA256SUMS "$RELEASE/first"
  "$RELEASE_SCRIPTS/checksums.sh" "$dist"
  cmp "$RELEASE/first" SHA256SUMS
  echo >>consign-linux-x86_64
  fails_with 1 sha256sum --check SHA256SUMS
  says "consign-linux-x86_64: FAILED"
  mkdir "$RELEASE/empty"
  fails_with 1 "$RELEASE_SCRIPTS/checksums.sh" "$RELEASE/empty"
}

# Twice: no name of a temporary folder and no time may get into it.
release_image() {
  local again config
  "$RELEASE_SCRIPTS/image.sh" "$CONSIGN" --tag consign:try --output "type=oci,dest=$RELEASE/image" >"$RELEASE/digest"
  again=$("$RELEASE_SCRIPTS/image.sh" "$CONSIGN" --tag consign:try)
  same "digest, made again" "$(cat "$RELEASE/digest")" "$again"
  "$CONSIGN" validate "$RELEASE/image"
  config=$(blob "$RELEASE/image" "$(jq -r .config.digest "$(manifest "$RELEASE/image")")")
  same "entrypoint" '["/usr/local/bin/consign"]' "$(jq -c .config.Entrypoint "$config")"
  same "user" "65532:65532" "$(jq -r .config.User "$config")"
  same "version" "$("$RELEASE_SCRIPTS/version.sh")" \
    "$(jq -r '.config.Labels["org.opencontainers.image.version"]' "$config")"
}

release_contents() {
  local root=$RELEASE/bundle/rootfs
  umoci unpack --image "$RELEASE/image:try" "$RELEASE/bundle"
  cmp "$CONSIGN" "$root/usr/local/bin/consign"
  cmp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  same "mode of the binary" 755 "$(stat -c %a "$root/usr/local/bin/consign")"
  same "mode of /tmp" 1777 "$(stat -c %a "$root/tmp")"
  same "files" 3 "$(find "$root" -type f | wc -l)"
}

release_pushed() {
  local platform digests=()
  for platform in amd64 arm64; do
    against main "$RELEASE_SCRIPTS/image.sh" "$CONSIGN" --platform "linux/$platform" --create-repository \
      --tag "interop/consign:1-$platform" --push | tee "$RELEASE/pushed"
    digests+=("$(sed 's/.*@//' "$RELEASE/pushed")")
  done
  pull interop/consign:1-amd64 "$RELEASE/pulled" 1
  same "digest as pulled" "${digests[0]}" "$(jq -r '.manifests[0].digest' "$RELEASE/pulled/index.json")"
  [[ ${digests[0]} != "${digests[1]}" ]] || fail "both platforms have the same digest"
}

# One name for both, as the workflow joins them.
release_joined() {
  "$CONSIGN" index create --help >/dev/null 2>&1 || skip "this consign can't join images"
  against main "$CONSIGN" index create "$REGISTRY/interop/consign:1" "$REGISTRY/interop/consign:1-amd64" \
    "$REGISTRY/interop/consign:1-arm64"
  log_in
  skopeo inspect --raw --tls-verify=false --authfile "$WORK/auth.json" "docker://$REGISTRY/interop/consign:1" |
    tee "$RELEASE/index"
  same "platforms" "linux/amd64 linux/arm64" \
    "$(jq -r '.manifests[].platform | "\(.os)/\(.architecture)"' "$RELEASE/index" | sort | xargs)"
}

# As its user, with nothing but what is in the image. A binary that is not static, as that of a debug build, gets the
# libraries of this machine beside it.
release_runs() {
  local libraries=() expected
  if readelf --program-headers --wide "$CONSIGN" | grep >/dev/null INTERP; then
    libraries=(--volume /usr/lib:/usr/lib:ro --volume /lib:/lib:ro --volume /lib64:/lib64:ro)
  fi
  release_podman pull --tls-verify=false --authfile "$WORK/auth.json" "$REGISTRY/interop/consign:1-amd64"
  release_run() {
    release_podman run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "${libraries[@]}" \
      --volume "$RELEASE/app:/work:ro" "$REGISTRY/interop/consign:1-amd64" "$@"
  }
  mkdir -p "$RELEASE/app"
  echo "a line" >"$RELEASE/app/file"
  expected=$("$CONSIGN" --quiet build "$RELEASE/app" --platform linux/amd64)
  same "version" "$("$CONSIGN" --version)" "$(release_run --version)"
  same "digest of an image that is made in it" "$expected" "$(release_run --quiet build . --platform linux/amd64)"
  # The emulator keeps its state in /tmp.
  release_run emulator -- consign build . --tag inside:1 --create-repository --push | tee "$WORK/said"
  says "@sha256:"
}

# What an image without certificates would be: the one thing that the system has to have.
release_certificates() {
  fails_with 2 env SSL_CERT_FILE=/nonexistent SSL_CERT_DIR=/nonexistent "$CONSIGN" inspect "$REGISTRY/interop/consign:1-amd64"
  says "no HTTPS client can be made"
  says "ca-certificates"
}

# runc, because it works under every kind of cgroup.
release_podman() {
  timeout 300 podman --root "$WORK/podman/root" --runroot "$WORK/podman/run" --tmpdir "$WORK/podman/tmp" \
    --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --runtime runc "$@"
}

mkdir -p "$RELEASE"
check "release: a tag that is not the version is refused" release_version
check "release: checksums are checked by sha256sum" release_checksums
check "release: consign's own image is the same when made again" release_image
check "release: umoci unpacks the binary, the certificates and /tmp" release_contents
check "release: the image is pushed for two platforms, and pulled" release_pushed
check "release: both platforms are joined under one name" release_joined
check "release: podman runs it" release_runs
check "release: a machine without certificates is told to install them" release_certificates
