//! The few system calls that a process needs which only computes and speaks over pipes, by seccomp.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::Guard;

const NAME: &str = "seccomp";

/// Memory, time, waiting, what is open already, and the end.
const ALWAYS: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// Refuses every other call with "operation not permitted", in all threads, so that the engine goes on without it.
pub(crate) fn forbid(threads: bool) -> Guard {
    let effect = "only computes, and speaks over what is open";
    match install(threads) {
        Ok(calls) => Guard::had(NAME, format!("{effect}: {calls} system calls")),
        Err(error) => Guard::lacks(NAME, effect, error),
    }
}

fn install(threads: bool) -> Result<usize, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let rules = rules(threads).map_err(|error| said(&error))?;
    let calls = rules.len();
    if threads {
        // The flags of `clone3` lie in memory, where no filter sees them; libc falls back to `clone`.
        let clone3 = BTreeMap::from([(libc::SYS_clone3, vec![])]);
        let absent = SeccompAction::Errno(libc::ENOSYS as u32);
        load(clone3, SeccompAction::Allow, absent)?;
    }
    load(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?;
    Ok(calls)
}

fn load(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    action: SeccompAction,
) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let arch = std::env::consts::ARCH
        .try_into()
        .map_err(|error: seccompiler::BackendError| said(&error))?;
    let filter =
        SeccompFilter::new(rules, otherwise, action, arch).map_err(|error| said(&error))?;
    let program = BpfProgram::try_from(filter).map_err(|error| said(&error))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| match error {
        seccompiler::Error::Seccomp(error) => format!("the kernel refuses it: {error}"),
        other => other.to_string(),
    })
}

fn rules(threads: bool) -> Result<BTreeMap<c_long, Vec<SeccompRule>>, seccompiler::BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq};
    let mut rules: BTreeMap<_, _> = ALWAYS.iter().map(|call| (*call, vec![])).collect();
    let exec = libc::PROT_EXEC as u64;
    let own = u64::from(std::process::id());
    let is = |argument, value| condition(argument, Eq, value);
    // No memory becomes a program.
    rules.insert(libc::SYS_mmap, vec![rule([condition(2, MaskedEq(exec), 0)?])?]);
    rules.insert(libc::SYS_mprotect, vec![rule([condition(2, MaskedEq(exec), 0)?])?]);
    // A process may abort itself, and no other.
    rules.insert(libc::SYS_tgkill, vec![rule([is(0, own)?])?]);
    // Its own limits may be read: the stack's size is asked for.
    rules.insert(libc::SYS_prlimit64, vec![rule([is(0, 0)?, condition_wide(2, 0)?])?]);
    rules.insert(
        libc::SYS_fcntl,
        vec![rule([is(1, libc::F_GETFD as u64)?])?, rule([is(1, libc::F_GETFL as u64)?])?],
    );
    rules.insert(libc::SYS_prctl, vec![rule([is(0, libc::PR_SET_NAME as u64)?])?]);
    if threads {
        let thread = libc::CLONE_THREAD as u64;
        rules.insert(libc::SYS_clone, vec![rule([condition(0, MaskedEq(thread), thread)?])?]);
    }
    Ok(rules)
}

fn rule<const N: usize>(
    conditions: [SeccompCondition; N],
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.to_vec())
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// That an argument of 64 bits is `value`.
fn condition_wide(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)
}
