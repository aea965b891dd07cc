//! Measures what overgate costs beside nginx, HAProxy, Envoy and bare Pingora: `benches/peers/README.md`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark starts programs, reads the clock and files, and prints what it measured"
)]

mod bare;
mod compare;
mod curves;
mod gate;
mod goals;
mod load;
mod peer;
mod process;
mod report;
mod responder;
mod result;
mod run;
mod specs;
mod turns;
mod wire;
mod work;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use peer::{Kind, Programs};
use run::Plan;
use turns::Load;
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
        #[arg(long, default_value_t = 36)]
        rounds: u32,
        /// Where the numbers go.
        #[arg(long)]
        out: PathBuf,
    },
    /// Measures a short form against nginx, and fails where a floor is exceeded.
    Gate {
        #[command(flatten)]
        programs: ProgramArgs,
        /// How overgate and this program were built.
        #[arg(long, default_value = "dist")]
        profile: String,
    },
    /// Measures how what a request costs grows.
    Curves {
        #[command(flatten)]
        programs: ProgramArgs,
        /// Where the numbers go.
        #[arg(long)]
        out: PathBuf,
    },
    /// Compares two runs, and fails where their ratios differ by more than a tenth.
    Compare {
        /// What `run` wrote.
        first: PathBuf,
        /// What it wrote another time.
        second: PathBuf,
    },
    /// Writes the README's part and the picture beside the numbers.
    Render {
        /// What `run` wrote.
        results: PathBuf,
        /// The page with the marks.
        readme: PathBuf,
    },
    /// Keeps a proxy busy with one kind of work, for a profiler, and prints its process's number.
    Busy {
        #[command(flatten)]
        programs: ProgramArgs,
        #[arg(long, value_enum)]
        kind: Kind,
        #[arg(long, value_enum)]
        work: Work,
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Connections; as many as in a run without.
        #[arg(long)]
        connections: Option<usize>,
        /// So many tasks are asked for; as many as in a run without.
        #[arg(long)]
        tasks: Option<u64>,
        /// A file with more of overgate's configuration.
        #[arg(long)]
        more: Option<PathBuf>,
    },
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

fn read(results: &Path) -> std::io::Result<result::Results> {
    Ok(serde_json::from_str(&std::fs::read_to_string(results)?)?)
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
                memory: true,
            };
            let results = tasks.block_on(&runtime, run::run(&programs, &plan, &profile))?;
            std::fs::write(&out, serde_json::to_string_pretty(&results)? + "\n")?;
            println!("{}\n{}", report::table(&results), report::goals(&results));
            println!("{}", report::circumstances(&results));
        }
        Command::Gate { programs, profile } => {
            process::leave_proxy_core();
            let plan = Plan {
                kinds: vec![Kind::Nginx, Kind::Overgate],
                works: vec![Work::Status, Work::Post2k, Work::Post40k, Work::Invalid40k],
                timed: vec![Work::Status],
                rounds: 6,
                memory: false,
            };
            let programs = Programs::from(programs);
            let mut attempts = Vec::new();
            for attempt in 1..=gate::ATTEMPTS {
                match tasks.block_on(&runtime, run::run(&programs, &plan, &profile)) {
                    Ok(results) => {
                        println!("{}", report::table(&results));
                        println!("{}", report::circumstances(&results));
                        attempts.push(results);
                    }
                    // A machine that stands still for a second makes a gateway send requests away.
                    Err(error) => eprintln!("attempt {attempt}: {error}"),
                }
                if gate::check(&attempts) {
                    return Ok(ExitCode::SUCCESS);
                }
                if attempt < gate::ATTEMPTS {
                    std::thread::sleep(gate::PAUSE);
                }
            }
            return Ok(ExitCode::FAILURE);
        }
        Command::Curves { programs, out } => {
            process::leave_proxy_core();
            let programs = Programs::from(programs);
            let curves = curves::run(&programs, Duration::from_secs(2));
            let curves = tasks.block_on(&runtime, curves)?;
            std::fs::write(&out, serde_json::to_string_pretty(&curves)? + "\n")?;
            println!("{}", curves::table(&curves));
        }
        Command::Compare { first, second } => {
            let (text, agrees) = compare::table(&read(&first)?, &read(&second)?);
            println!("{text}");
            if !agrees {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Render { results, readme } => {
            let measured = read(&results)?;
            let page = std::fs::read_to_string(&readme)?;
            let part = report::readme(&measured);
            let page = report::with_part(&page, &part)
                .ok_or_else(|| std::io::Error::other("the page has no marks"))?;
            std::fs::write(&readme, page)?;
            std::fs::write(results.with_extension("svg"), report::picture(&measured))?;
        }
        Command::Busy {
            programs,
            kind,
            work,
            seconds,
            connections,
            tasks: asked,
            more,
        } => {
            process::leave_proxy_core();
            let more = more.map(std::fs::read_to_string).transpose()?;
            let more = more.unwrap_or_default();
            let programs = Programs::from(programs);
            let mut load = Load::of(work);
            load.connections = connections.unwrap_or(load.connections);
            load.request.numbers = asked.unwrap_or(load.request.numbers);
            let busy = run::busy(&programs, kind, &load, seconds, &more);
            tasks.block_on(&runtime, busy)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
