#!/bin/bash
# Runs consign with the inputs of the action. They go to it through a pipe, so that neither they nor the keys among them
# stand in its environment, which the programs that it starts (credential helpers) would inherit.
set -euo pipefail

inputs=${CONSIGN_ACTION_INPUTS:?}
unset CONSIGN_ACTION_INPUTS
if [[ -n ${CONSIGN_ACTION_HTTP_PROXY:-} ]]; then
  export HTTP_PROXY=$CONSIGN_ACTION_HTTP_PROXY HTTPS_PROXY=$CONSIGN_ACTION_HTTP_PROXY
fi
if [[ -n ${CONSIGN_ACTION_NO_PROXY:-} ]]; then
  export NO_PROXY=$CONSIGN_ACTION_NO_PROXY
fi
exec "${CONSIGN_ACTION_BINARY:?}" github-action < <(printf '%s' "$inputs")
