# shellcheck shell=bash
set -euo pipefail
