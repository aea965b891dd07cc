//! Measures what overgate costs beside nginx, HAProxy, Envoy and bare Pingora: `benches/peers/README.md`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark starts programs, reads the clock and files, and prints what it measured"
)]

mod bare;
mod goals;
mod load;
mod peer;
mod process;
mod responder;
mod result;
mod run;
mod specs;
mod wire;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use peer::Programs;
use run::Plan;
use work::Work;

/// overgate's own: so bare Pingora has it, too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Debug, Parser)]
#[command(about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures everybody, and writes what came of it.
    Run {
        #[command(flatten)]
        programs: ProgramArgs,
        /// How overgate and this program were built.
        #[arg(long, default_value = "dist")]
        profile: String,
        #[arg(long, default_value_t = 5)]
        rounds: u32,
        /// Where the numbers go.
        #[arg(long)]
        out: PathBuf,
    },
    /// Keeps a proxy busy with one kind of work, for a profiler, and prints its process's number.
    Busy {
        #[command(flatten)]
        programs: ProgramArgs,
        #[arg(long, value_enum)]
        kind: peer::Kind,
        #[arg(long, value_enum)]
        work: Work,
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// A file with more of overgate's configuration.
        #[arg(long)]
        more: Option<PathBuf>,
    },
    /// Serves as the Overlord.
    Responder { listen: SocketAddr },
    /// Serves as bare Pingora.
    Bare {
        listen: SocketAddr,
        upstream: SocketAddr,
    },
}

#[derive(Debug, Args)]
struct ProgramArgs {
    /// overgate's binary.
    #[arg(long)]
    overgate: PathBuf,
    /// Envoy's; without it everybody else is measured.
    #[arg(long)]
    envoy: Option<PathBuf>,
}

impl From<ProgramArgs> for Programs {
    fn from(from: ProgramArgs) -> Programs {
        let ProgramArgs { overgate, envoy } = from;
        Programs { overgate, envoy }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Bare { listen, upstream } = cli.command {
        bare::serve(listen, upstream);
    }
    match carry_out(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> std::io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = tokio::task::LocalSet::new();
    // Ten thousand clients, and a proxy that has as many again.
    let _ = rlimit::setrlimit(rlimit::Resource::NOFILE, 65_536, 65_536);
    let _ = rlimit::increase_nofile_limit(65_536);
    match command {
        Command::Bare { .. } => {}
        Command::Responder { listen } => {
            let serving = async {
                let listener = tokio::net::TcpListener::bind(listen).await?;
                responder::serve(listener).await
            };
            tasks.block_on(&runtime, serving)?;
        }
        Command::Run {
            programs,
            profile,
            rounds,
            out,
        } => {
            process::leave_proxy_core();
            let programs = Programs::from(programs);
            let plan = Plan {
                kinds: programs.kinds(),
                works: Work::ALL.to_vec(),
                timed: vec![Work::Status, Work::Post2k],
                rounds,
                time: Duration::from_secs(2),
                memory: true,
            };
            let results = tasks.block_on(&runtime, run::run(&programs, &plan, &profile))?;
            std::fs::write(&out, serde_json::to_string_pretty(&results)?)?;
            print(&results);
        }
        Command::Busy {
            programs,
            kind,
            work,
            seconds,
            more,
        } => {
            process::leave_proxy_core();
            let more = more.map(std::fs::read_to_string).transpose()?;
            let more = more.unwrap_or_default();
            let time = Duration::from_secs(seconds);
            let programs = Programs::from(programs);
            let busy = run::busy(&programs, kind, work, time, &more);
            tasks.block_on(&runtime, busy)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(results: &result::Results) {
    for cost in &results.costs {
        let cpu = result::median(cost.cpu.iter().copied());
        let rate = result::median(cost.rate.iter().copied());
        println!(
            "{:24} {:10} {cpu:10.1} us {rate:10.0}/s {:?} foreign {:.2?}",
            cost.work.title(),
            cost.kind.title(),
            cost.cpu.iter().map(|cpu| cpu.round()).collect::<Vec<_>>(),
            cost.foreign,
        );
    }
    for time in &results.times {
        println!(
            "{:24} {:10} p50 {:.0?} p99 {:.0?}",
            time.work.title(),
            time.kind.map_or("direct", peer::Kind::title),
            time.p50,
            time.p99
        );
    }
    for memory in &results.memory {
        println!("{memory:?}");
    }
    for goal in goals::GOALS {
        let measured = goal.measured(results).unwrap_or(f64::NAN);
        println!("{:55} {measured:8.2} goal {} floor {}", goal.what, goal.goal, goal.floor);
    }
}
