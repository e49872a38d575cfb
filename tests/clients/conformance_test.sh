#!/bin/bash
# The registry inside keeps the OCI distribution specification: conformance/ says what is asserted.
source "$(dirname "$0")/lib.sh"

: >"$work/conf.d/ca.crt"
new_data_folder

# use_settings DIRECTIVE...: the gate, with these in the registry's block.
use_settings() {
  use_example 1-plain.conf
  sed -i "s|server 127.0.0.1:[0-9]*;|registry $data; registry_delete on; $*|" "$work/conf.d/registry.conf"
  start_gate
}

conforms() { # ARGUMENT...
  expect_success python3 "$source_root/tests/clients/conformance" "http://localhost:$gate_port" "$@"
  tail -n 1 <<<"$output"
}

use_settings "registry_automatic_mount off;"
proves "it conforms, without automatic mounts, manifests deleted before blobs"
conforms
proves "it conforms, without automatic mounts, blobs deleted before manifests"
conforms --blobs-first
stop gate QUIT

use_settings "registry_automatic_mount on;"
proves "it conforms, with automatic mounts, manifests deleted before blobs"
conforms --automatic-mount
proves "it conforms, with automatic mounts, blobs deleted before manifests"
conforms --automatic-mount --blobs-first

proves "what is asserted can fail: docker-registry 2.8 does not conform"
start_registry
expect_failure python3 "$source_root/tests/clients/conformance" "http://localhost:$registry_port"
expect_contains "what it says" "FAILED" "$output"
tail -n 1 <<<"$output"
