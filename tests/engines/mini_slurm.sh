#!/usr/bin/env bash
# A real Slurm of one node on the loopback device, without systemd, cgroups or a database.
#   SLURM_ROOT=DIR [SLURM_PORT=N] mini_slurm.sh start|stop|start-ctld|stop-ctld|crash-ctld|start-node|kill-node
set -euo pipefail
umask 022
root=${SLURM_ROOT:?}
port=${SLURM_PORT:-16817}
export SLURM_CONF=$root/etc/slurm.conf PATH=$PATH:/usr/sbin
socket=$root/munge/socket

await() { for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done; return 1; }
munge_answers() { munge -n -S "$socket" | unmunge -S "$socket"; }
node_up() {
    case "$(sinfo -h -n localhost -o %t)" in
        idle* | mix* | alloc*) ! sinfo -h -n localhost -o %t | grep -q '\*' ;;
        *) scontrol update nodename=localhost state=resume; false ;;
    esac
}
end() { # program, signal
    local pid
    pid=$(cat "$root/run/$1.pid" 2>/dev/null) || return 0
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ]; then
        kill "-${2:-TERM}" "$pid"
        for _ in $(seq 100); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
    fi
    rm -f "$root/run/$1.pid"
}

case $1 in
    start)
        mkdir -p "$root"/{etc,log,run,state,spool,munge}
        chmod 700 "$root/state"
        [ -s "$root/etc/munge.key" ] || (umask 077; head -c 1024 /dev/urandom >"$root/etc/munge.key")
        cat >"$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$socket
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool
SlurmctldPidFile=$root/run/slurmctld.pid
SlurmdPidFile=$root/run/slurmd.pid
SlurmctldLogFile=$root/log/slurmctld.log
SlurmdLogFile=$root/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=2,sched_interval=2
DefMemPerCPU=256
EnforcePartLimits=ALL
JobRequeue=0
ReturnToService=2
SlurmdParameters=config_overrides
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$root/log/jobs.txt
# Toil asks scontrol for jobs that have ended, and there is no sacct to ask later
MinJobAge=86400
SlurmctldTimeout=30
SlurmdTimeout=${SLURM_NODE_TIMEOUT:-30}
KillWait=2
# memory is enforced without cgroups: a job that holds more than it asked for is killed
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MailProg=/bin/true
NodeName=localhost NodeAddr=127.0.0.1 NodeHostname=localhost CPUs=${SLURM_CPUS:-8} RealMemory=$(awk '/MemTotal/{print int($2/1024*0.9)}' /proc/meminfo) State=UNKNOWN
PartitionName=test Nodes=localhost Default=YES MaxTime=INFINITE DefaultTime=60 State=UP
END
        munged --force --key-file="$root/etc/munge.key" --socket="$socket" \
            --pid-file="$root/run/munged.pid" --log-file="$root/log/munged.log" \
            --seed-file="$root/munge/seed"
        await munge_answers
        slurmctld
        await scontrol ping
        slurmd -N localhost
        await node_up
        timeout 60 sbatch -Q -W -o /dev/null --wrap true
        ;;
    # a signal ends it without saving what it knows of jobs; this request does
    stop-ctld)
        pid=$(cat "$root/run/slurmctld.pid")
        scontrol shutdown slurmctld
        await sh -c "[ ! -d /proc/$pid ]"
        rm -f "$root/run/slurmctld.pid"
        ;;
    # a crash before anything of its jobs was saved; numbers go on, since a node that is given one that
    # it still knows is drained
    crash-ctld)
        last=$(squeue -h -t all -o %i | sort -n | tail -1)
        end slurmctld KILL
        rm -f "$root"/state/job_state*
        sed -i '/^FirstJobId=/d' "$SLURM_CONF"
        echo "FirstJobId=$((${last:-0} + 1000))" >>"$SLURM_CONF"
        ;;
    start-ctld) slurmctld; await scontrol ping ;;
    kill-node) end slurmd KILL ;;
    start-node) slurmd -N localhost; await node_up ;;
    stop)
        scancel -Q -p test || :
        end slurmd
        end slurmctld
        end munged
        ;;
esac
