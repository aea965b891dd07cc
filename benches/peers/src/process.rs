//! Processes, and what Linux says of them.

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// The core that a measured proxy has for itself; everything else runs on the others.
const PROXY_CORE: usize = 0;

/// Ticks of a second in `/proc/stat` (`USER_HZ`, 100 on every architecture that Linux has now).
const TICKS: u64 = 100;

/// A process that ends when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command` on the core of proxies.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn on_proxy_core(command: &Command) -> io::Result<Process> {
        if cores() < 2 {
            return Process::start(command);
        }
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", &PROXY_CORE.to_string()]);
        pinned.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                pinned.env(name, value);
            }
        }
        Process::start(&pinned)
    }

    /// Starts `command` where we are.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &Command) -> io::Result<Process> {
        let mut quiet = Command::new(command.get_program());
        quiet.args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                quiet.env(name, value);
            }
        }
        let child = quiet
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                let program = command.get_program().to_string_lossy().into_owned();
                io::Error::new(error.kind(), format!("{program}: {error}"))
            })?;
        Ok(Process { child })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has it ended by itself?
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// It and its children's children.
    fn tree(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut at = 0;
        while let Some(parent) = all.get(at).copied() {
            let path = format!("/proc/{parent}/task/{parent}/children");
            let children = std::fs::read_to_string(path).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
            at += 1;
        }
        all
    }

    /// CPU time that it has taken, user and system, all threads and children.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu(&self) -> io::Result<Duration> {
        self.tree().into_iter().map(cpu).sum()
    }

    /// Memory, in KiB: what it has alone, and its share of what it has with others (PSS).
    pub fn memory(&self) -> u64 {
        self.kibibytes("smaps_rollup", "Pss:")
    }

    /// The most that it ever had, in KiB, what it has with others counted whole.
    pub fn peak(&self) -> u64 {
        self.kibibytes("status", "VmHWM:")
    }

    fn kibibytes(&self, file: &str, name: &str) -> u64 {
        let of = |id: u32| {
            let text = std::fs::read_to_string(format!("/proc/{id}/{file}")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        };
        self.tree().into_iter().filter_map(of).sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // nginx's worker lives on without its master, unless that ends by itself.
        for id in self.tree().into_iter().rev() {
            let _ = Command::new("kill")
                .arg(id.to_string())
                .stderr(Stdio::null())
                .status();
        }
        let begun = std::time::Instant::now();
        while !self.has_ended() && begun.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time of a process, threads that ended included: its CPU-time clock
/// (`clock_getcpuclockid(3)`), whose unit is a nanosecond and not, as in `/proc`, a hundredth.
fn cpu(id: u32) -> io::Result<Duration> {
    let id = Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX));
    Ok(clock_getcpuclockid(id)?.now()?.into())
}

/// The machine's cores.
pub fn cores() -> usize {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let is_core = |line: &&str| line.starts_with("processor");
    text.lines().filter(is_core).count().max(1)
}

/// CPU time that this process has taken.
///
/// # Errors
/// Linux does not tell.
pub fn own_cpu() -> io::Result<Duration> {
    cpu(std::process::id())
}

/// Leaves the core of proxies: for this process, and for all that it starts here.
pub fn leave_proxy_core() {
    let cores = cores();
    if cores < 2 {
        return;
    }
    let others = format!("1-{}", cores - 1);
    let id = std::process::id().to_string();
    let _ = Command::new("taskset")
        .args(["-apc", &others, &id])
        .stdout(Stdio::null())
        .status();
}

/// CPU time that the machine has spent on something so far, all cores together.
pub fn machine_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq: see proc_stat(5).
    let fields = line.split_whitespace().skip(1).take(7).enumerate();
    let busy = fields.filter(|(at, _)| !matches!(at, 3 | 4));
    let ticks = busy.filter_map(|(_, ticks)| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 1_000 / TICKS)
}
