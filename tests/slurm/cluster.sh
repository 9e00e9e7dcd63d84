# shellcheck shell=bash
# shellcheck disable=SC2154 # $scratch is of tests/namespaces.sh
# A SLURM cluster on this machine (sourced after tests/namespaces.sh, as root): one controller and three nodes with a
# GPU each, which is /dev/null.

# start_cluster: ends when all nodes are idle. Everything that SLURM writes is in $scratch.
start_cluster() {
  local node
  ip link set lo up
  # Names are looked up for addresses beyond the loopback alone.
  ip link add cluster type veth peer name elsewhere
  ip address add 10.74.0.1/24 dev cluster
  ip link set cluster up
  ip link set elsewhere up
  hostname cluster
  echo '127.0.0.1 localhost
10.74.0.1 cluster' >"$scratch/hosts"
  mount --bind "$scratch/hosts" /etc/hosts
  mkdir -p "$scratch"/{state,spool}
  chmod 755 "$scratch"
  configure_cluster
  start_munge
  export SLURM_CONF=$scratch/slurm.conf
  slurmctld -D -c >"$scratch/slurmctld.log" 2>&1 &
  for node in n1 n2 n3; do
    slurmd -D -N "$node" >"$scratch/slurmd-$node.log" 2>&1 &
  done
  wait_until "the cluster" idle 3
}

# idle COUNT: so many nodes wait for jobs.
idle() { [ "$(sinfo --noheader --Node --states=idle 2>/dev/null | wc -l)" = "$1" ]; }

configure_cluster() {
  echo 'Name=gpu File=/dev/null' >"$scratch/gres.conf"
  cat >"$scratch/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=cluster(10.74.0.1)
SlurmUser=root
SlurmctldPort=6817
# A job that is requeued waits for as long as credentials hold.
AuthInfo=socket=$scratch/munge.socket,cred_expire=10
# Jobs whose time has come are looked for that often, in seconds.
SchedulerParameters=sched_interval=1,bf_interval=1
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool/%n
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
MpiDefault=none
GresTypes=gpu
ReturnToService=2
JobRequeue=1
# Programs of the nodes that have as many cores as they say may run on a machine that has fewer.
SlurmdParameters=config_overrides
NodeName=n[1-3] NodeHostname=cluster NodeAddr=10.74.0.1 Port=[7001-7003] CPUs=4 RealMemory=8192 Gres=gpu:1
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
}

# The daemon by which SLURM's programs know each other.
start_munge() {
  head -c 128 /dev/urandom >"$scratch/munge.key"
  chmod 400 "$scratch/munge.key"
  munged --foreground --force --key-file "$scratch/munge.key" --socket "$scratch/munge.socket" \
    --pid-file "$scratch/munge.pid" --log-file "$scratch/munge.log" --seed-file "$scratch/munge.seed" >/dev/null 2>&1 &
  wait_until munge [ -S "$scratch/munge.socket" ]
}
