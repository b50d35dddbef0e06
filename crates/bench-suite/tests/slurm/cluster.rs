//! A private Slurm: its own munge, one controller and some emulated nodes on the loopback address, all of
//! them children of the test, without root and without systemd.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Cores that a node says it has.
const CORES: u32 = 8;
/// How often is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(200);

/// The cluster; gone with all its processes when dropped, also by a panic.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    /// By their names: munged, slurmctld, and the nodes.
    daemons: Vec<(String, Child)>,
}

/// The daemon or tool of that name, also where only administrators have it in their path.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|p| p.join(name)).find(|p| p.is_file())
}

fn lines_of(command: &mut Command) -> String {
    let output = command.output().expect("a tool of the system");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

impl Cluster {
    /// One with nodes `n1`, `n2`, …; or what is missing on this machine.
    pub(crate) fn start(nodes: usize) -> Result<Self, String> {
        for name in ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel"] {
            if program(name).is_none() {
                return Err(format!("there is no {name}; apt install slurmctld slurmd"));
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        // Munge wants all to come by its socket, and none but us to write there.
        let open =
            |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        open(folder.path());
        for name in ["munge", "log", "state", "spool", "run"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            open(&path);
        }
        let mut cluster = Self { folder, daemons: Vec::new() };
        cluster.configure(nodes);
        cluster.start_munge();
        cluster.start_daemon(
            "slurmctld",
            Command::new(program("slurmctld").unwrap()).args(["-D", "-c"]),
        );
        for node in 1..=nodes {
            cluster.start_node(&format!("n{node}"));
        }
        cluster.wait(|cluster| {
            let idle = cluster.says("sinfo", &["-h", "-N", "-o", "%t"]);
            idle.lines().filter(|state| *state == "idle").count() == nodes
        });
        Ok(cluster)
    }

    fn at(&self, path: &str) -> String {
        self.folder.path().join(path).display().to_string()
    }

    fn conf(&self) -> String {
        self.at("slurm.conf")
    }

    fn configure(&self, nodes: usize) {
        let user = lines_of(Command::new("id").arg("-un"));
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = host.trim().split('.').next().unwrap().to_owned();
        // All held at once, so that they differ.
        let listeners: Vec<TcpListener> =
            (0..=nodes).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = listeners.iter().map(|l| l.local_addr().unwrap().port()).collect();
        let folder = self.folder.path().display();
        // No cgroups, nothing but the loopback address, and quick to notice that a node is gone. How long
        // credentials are valid is also how long a requeued job waits.
        let mut text = format!(
            "ClusterName=dither\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={}\n\
             SlurmUser={user}\nSlurmdUser={user}\nAuthType=auth/munge\n\
             AuthInfo=socket={folder}/munge/socket,cred_expire=5\nCredType=cred/munge\n\
             StateSaveLocation={folder}/state\nSlurmctldPidFile={folder}/run/slurmctld.pid\n\
             SlurmctldLogFile={folder}/log/slurmctld.log\nSlurmdSpoolDir={folder}/spool/%n\n\
             SlurmdPidFile={folder}/run/slurmd.%n.pid\nSlurmdLogFile={folder}/log/slurmd.%n.log\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSwitchType=switch/none\n\
             MpiDefault=none\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\nJobCompType=jobcomp/none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nSchedulerType=sched/backfill\n\
             SchedulerParameters=sched_interval=2,batch_sched_delay=1,bf_interval=2,default_queue_depth=1000\n\
             SlurmdParameters=config_overrides\nReturnToService=2\nSlurmdTimeout=5\nSlurmctldTimeout=5\n\
             InactiveLimit=0\nKillWait=2\nMinJobAge=3600\nJobRequeue=1\nBatchStartTimeout=10\n\
             PropagateResourceLimits=NONE\nCommunicationParameters=NoCtldInAddrAny,NoInAddrAny\n",
            ports[0]
        );
        for (index, port) in ports.iter().enumerate().skip(1) {
            writeln!(
                text,
                "NodeName=n{index} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CORES} \
                 RealMemory=64000 State=UNKNOWN"
            )
            .unwrap();
            fs::create_dir(self.folder.path().join(format!("spool/n{index}"))).unwrap();
        }
        text +=
            "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO\n";
        fs::write(self.conf(), text).unwrap();
        fs::write(self.at("cgroup.conf"), "CgroupAutomount=no\n").unwrap();
    }

    fn start_munge(&mut self) {
        let key = self.at("munge/key");
        let mut random = [0; 128];
        fs::File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
        fs::write(&key, random).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = Command::new(program("munged").unwrap());
        command.arg("--foreground");
        // What is wrong with folders above ours is not our concern.
        if lines_of(Command::new("id").arg("-u")) == "0" {
            command.arg("--force");
        }
        for (option, file) in [
            ("key-file", "munge/key"),
            ("socket", "munge/socket"),
            ("pid-file", "munge/pid"),
            ("log-file", "munge/log"),
            ("seed-file", "munge/seed"),
        ] {
            command.arg(format!("--{option}={}", self.at(file)));
        }
        self.start_daemon("munged", &mut command);
        self.wait(|cluster| Path::new(&cluster.at("munge/socket")).exists());
    }

    fn start_daemon(&mut self, name: &str, command: &mut Command) {
        let output = fs::File::create(self.at(&format!("log/{name}.out"))).unwrap();
        command.env("SLURM_CONF", self.conf()).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        self.daemons.push((name.to_owned(), command.spawn().unwrap()));
    }

    /// Starts a node, for the first time or again.
    pub(crate) fn start_node(&mut self, node: &str) {
        let mut command = Command::new(program("slurmd").unwrap());
        command.args(["-D", "-N", node, "-f", &self.conf()]);
        self.start_daemon(node, &mut command);
    }

    /// Lets all that a node runs stand still, or go on.
    pub(crate) fn freeze_node(&self, node: &str, still: bool) {
        let signal = if still { "-STOP" } else { "-CONT" };
        self.jobs_of(Some(node)).iter().for_each(|process| send(signal, *process));
    }

    /// Whether a program of that name is among what a node runs.
    pub(crate) fn is_at_work(&self, node: &str, program: &str) -> bool {
        self.jobs_of(Some(node)).iter().any(|process| name_of(*process).as_deref() == Some(program))
    }

    /// Kills a node as a power cut does: the daemon, and all that it runs.
    pub(crate) fn crash_node(&mut self, node: &str) {
        let place = self.daemons.iter().position(|(name, _)| name == node).expect("it runs");
        let (_, mut daemon) = self.daemons.remove(place);
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        self.kill_jobs(Some(node));
    }

    /// Kills the processes of jobs, of one node or of all.
    fn kill_jobs(&self, node: Option<&str>) {
        // A process may start another while we look.
        loop {
            let found = self.jobs_of(node);
            if found.is_empty() {
                return;
            }
            found.iter().for_each(|process| send("-KILL", *process));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The processes of jobs, of one node or of all, and those that look after them: known by the
    /// environment that this cluster gave them.
    fn jobs_of(&self, node: Option<&str>) -> Vec<u32> {
        let ours = format!("SLURM_CONF={}", self.conf());
        let node = node.map(|node| format!("SLURMD_NODENAME={node}"));
        let daemons: Vec<u32> = self.daemons.iter().map(|(_, daemon)| daemon.id()).collect();
        let mut found = Vec::new();
        for process in processes() {
            let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            let has = |variable: &str| {
                environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
            };
            if !has(&ours) || daemons.contains(&process) || process == std::process::id() {
                continue;
            }
            match &node {
                Some(node) if !has(node) => {}
                Some(_) => {
                    // Its keeper does not know the name of the node.
                    found.extend(keeper(process).filter(|keeper| !found.contains(keeper)));
                    found.push(process);
                }
                None => found.push(process),
            }
        }
        found
    }

    /// A command on this cluster.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.conf()).stdin(Stdio::null());
        command
    }

    /// What a tool of Slurm says.
    pub(crate) fn says(&self, tool: &str, arguments: &[&str]) -> String {
        let mut command = self.command(program(tool).unwrap());
        let Output { stdout, .. } = command.args(arguments).output().unwrap();
        String::from_utf8(stdout).unwrap()
    }

    /// Waits until something is so, as long as the cluster lives.
    pub(crate) fn wait(&mut self, mut is_so: impl FnMut(&Self) -> bool) {
        while !is_so(self) {
            for (name, daemon) in &mut self.daemons {
                let log = self.folder.path().join(format!("log/{name}.out"));
                if let Some(status) = daemon.try_wait().unwrap() {
                    panic!("{name} ended, {status}: {}", fs::read_to_string(log).unwrap());
                }
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Sends a signal to a process, which may have ended.
fn send(signal: &str, process: u32) {
    let mut kill = Command::new("kill");
    drop(kill.args([signal, &process.to_string()]).stderr(Stdio::null()).status());
}

/// All processes of the machine.
fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The daemon that started a process for a job.
fn keeper(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which may have anything in it, come the state and the parent.
    let parent: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
    name_of(parent)?.starts_with("slurmstepd").then_some(parent)
}

/// What a process is called, up to 15 letters.
fn name_of(process: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nodes first, so that nothing new is started.
        while let Some((_, mut daemon)) = self.daemons.pop() {
            drop(daemon.kill());
            drop(daemon.wait());
        }
        self.kill_jobs(None);
        drop(std::io::stderr().flush());
    }
}
