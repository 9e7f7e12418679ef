//! The hidden entries of the `seawall` binary that run with an agent, for the tests of this crate.

use std::io::Write;
use std::process::ExitCode;

use adapters::sandbox::{Limits, NOBODY, Sandbox, Spec};
use base::env::Env;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let ended =
        match args.first().map(String::as_str) {
            Some("sandbox-enter") => match adapters::sandbox::enter::main() {
                Ok(never) => match never {},
                Err(error) => Err(base::error::chain(&error)),
            },
            Some("sandbox-forward") => {
                adapters::sandbox::forward::main(&args[1..]).map_err(|error| base::error::chain(&error))
            }
            Some("builtin-agent") => {
                adapters::agent::builtin::guest::main().map_err(|error| base::error::chain(&error))
            }
            Some("command-agent") => {
                adapters::agent::command::guest::main().map_err(|error| base::error::chain(&error))
            }
            Some("hold") => hold(&args[1..]),
            _ => Err("usage: launcher sandbox-enter | sandbox-forward … | builtin-agent | command-agent | hold DIR MARKER"
                .to_owned()),
        };
    match ended {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(text) => {
            let _ = writeln!(std::io::stderr(), "launcher: {text}");
            ExitCode::from(adapters::sandbox::enter::EXIT_CODE)
        }
    }
}

/// A daemon with one agent, waiting to be killed: `hold DIR MARKER`.
fn hold(args: &[String]) -> Result<i32, String> {
    let [dir, marker] = args else { return Err("usage: launcher hold DIR MARKER".to_owned()) };
    let dir = std::path::Path::new(dir);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let launcher = std::env::current_exe().map_err(|error| error.to_string())?;
        let sandbox = Sandbox::discover(&Env::process(), dir, &launcher, NOBODY)
            .await
            .map_err(|error| error.to_string())?;
        let script = format!("(setsid bash -c 'exec -a {marker}-agent sleep 1000' &); sleep 1000");
        let spec = Spec {
            name: format!("{marker}-group"),
            workspace_tree: dir.join("workspace"),
            workspace_inside: None,
            git_dir: None,
            read_only: Vec::new(),
            links: Vec::new(),
            home: dir.join("home"),
            home_inside: None,
            gateway_socket: dir.join("gateway/gateway.sock"),
            env: Vec::new(),
            program: ["/bin/bash", "-c", &script].map(str::to_owned).into(),
            limits: Limits::default(),
            hide: Vec::new(),
            read_only_workspace: false,
            nested_walls: false,
        };
        let mut running = sandbox.spawn(&spec).await.map_err(|error| base::error::chain(&error))?;
        let exit = running.wait().await.map_err(|error| error.to_string())?;
        Ok(exit.code.unwrap_or(1))
    })
}
