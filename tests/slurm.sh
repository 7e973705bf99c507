#!/usr/bin/env bash
# A Slurm of one node on this machine, as root: `slurm.sh up FOLDER` starts it and waits until it takes jobs,
# `slurm.sh down FOLDER` ends it. All that it writes is in FOLDER, but for two links in /etc/slurm.
set -euo pipefail
folder=$(realpath -m "$2")
etc=/etc/slurm

up() {
  if [ -e $etc/slurm.conf ]; then echo "this machine has a $etc/slurm.conf already" >&2; exit 1; fi
  mkdir -p "$folder"/{state,spool,munge}
  chmod 700 "$folder/munge"
  chmod 755 "$folder"
  dd if=/dev/urandom of="$folder/munge/key" bs=1024 count=1 status=none
  chmod 600 "$folder/munge/key"
  local host; host=$(hostname -s)
  cat > "$folder/slurm.conf" <<EOF
ClusterName=descent
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthInfo=socket=$folder/munge/socket
SlurmctldPort=${SLURMCTLD_PORT:-26817}
SlurmdPort=${SLURMD_PORT:-26818}
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
ReturnToService=2
SlurmdTimeout=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo) Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
  printf 'Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n' > "$folder/gres.conf"
  mkdir -p $etc
  ln -sf "$folder/slurm.conf" "$folder/gres.conf" $etc/
  munged --force --socket="$folder/munge/socket" --key-file="$folder/munge/key" --pid-file="$folder/munge/pid" \
    --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
  slurmctld
  slurmd
  for _ in $(seq 100); do
    if sinfo --noheader --format=%T 2>/dev/null | grep -q idle; then return; fi
    sleep 0.2
  done
  tail -n 20 "$folder"/*.log >&2
  exit 1
}

down() {
  if [ "$(readlink $etc/slurm.conf)" = "$folder/slurm.conf" ]; then scancel --user="$(id -un)" 2>/dev/null || true; fi
  for pid in "$folder/slurmd.pid" "$folder/slurmctld.pid" "$folder/munge/pid"; do
    if [ -f "$pid" ]; then kill "$(cat "$pid")" 2>/dev/null || true; fi
  done
  if [ "$(readlink $etc/slurm.conf)" = "$folder/slurm.conf" ]; then rm $etc/slurm.conf $etc/gres.conf; fi
}

"$1"
