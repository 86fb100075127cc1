#!/usr/bin/env bash
# Measures this machine, GPU kernels included, and writes saccade-machine.json to be attached to an issue.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec "${VENV:-.venv}/bin/mlx-saccade" bench send-in "$@"
