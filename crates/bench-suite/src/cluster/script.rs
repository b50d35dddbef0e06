//! [`Scripts`]: what an element and the merge do on their machine, for bash.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::profile::{Container, Profile, can_be_bound, cannot_be_bound};
use super::scheduler::{Head, Part, Scheduler};
use super::shell::{line, quoted};
use crate::measured::error::Error;

/// All that the scripts of a submission are made of.
#[derive(Clone, Debug)]
pub struct Scripts<'a> {
    /// What reads them.
    pub scheduler: Scheduler,
    /// What a job gets.
    pub profile: &'a Profile,
    /// What the queue shows.
    pub name: &'a str,
    /// The program outside of a container.
    pub program: &'a Path,
    /// The words after the program: a command without its share.
    pub command: &'a [String],
    /// Where the command is given.
    pub directory: &'a Path,
    /// The folder of records.
    pub store: &'a Path,
    /// The folder of the submission.
    pub folder: &'a Path,
    /// The folder of data sets, of the environment.
    pub data: Option<OsString>,
    /// How many elements there are.
    pub elements: usize,
}

impl Scripts<'_> {
    /// The file that says which element has which points.
    pub fn plan(folder: &Path) -> PathBuf {
        folder.join("plan.json")
    }

    /// The folder of what jobs say.
    pub fn logs(folder: &Path) -> PathBuf {
        folder.join("logs")
    }

    /// The files of the two scripts.
    pub fn files(folder: &Path) -> [PathBuf; 2] {
        ["array.sh", "merge.sh"].map(|name| folder.join(name))
    }

    /// Whether the folders can be given to a scheduler and a container.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] with the folder that cannot.
    pub fn check(&self) -> Result<(), Error> {
        // A comment of the script that the scheduler reads ends with its line.
        if self.folder.to_string_lossy().contains('\n') {
            let folder = self.folder.display();
            let reason = format!("'{folder}' has a line break, which no script takes");
            return Err(Error::Usage(reason));
        }
        if self.profile.container.is_none() {
            return Ok(());
        }
        match self.bound().iter().find(|folder| !can_be_bound(folder)) {
            Some(folder) => Err(Error::Usage(cannot_be_bound(folder))),
            None => Ok(()),
        }
    }

    /// The script of an element.
    pub fn array(&self) -> String {
        let threads = self.profile.cores;
        let plan = Self::plan(self.folder);
        let plan = quoted(&plan.to_string_lossy());
        let more =
            format!("--threads {threads} --plan {plan} --shard \"$element/{}\"", self.elements);
        let index = self.scheduler.element(self.elements);
        let first = [
            format!(
                "# An element of {}: what has no record yet, from where it was left.",
                self.elements
            ),
            format!("element={index}"),
        ];
        self.script(Part::Elements(self.elements), &first, "\"$element\"", &more)
    }

    /// The script that checks that all records are there, and writes the report.
    pub fn merge(&self) -> String {
        let first = ["# After all elements: is everything there? Then the report.".to_owned()];
        self.script(Part::Merge, &first, "merge", "--collect")
    }

    fn script(&self, part: Part, first: &[String], log: &str, more: &str) -> String {
        let Profile { modules, setup, .. } = self.profile;
        // Where modules are is what a login shell knows.
        let shell = if modules.is_empty() { "#!/bin/bash" } else { "#!/bin/bash -l" };
        let mut lines = vec![shell.to_owned()];
        lines.extend(self.scheduler.head(part, self.head(&Self::logs(self.folder))));
        lines.extend(first.iter().cloned());
        if !self.scheduler.keeps_logs() {
            let logs = quoted(&Self::logs(self.folder).to_string_lossy());
            lines.push(format!("exec >>{logs}/{log}.txt 2>&1"));
        }
        lines.push(format!("cd -- {} || exit", quoted(&self.directory.to_string_lossy())));
        if let Some(data) = &self.data {
            lines.push(format!("export DITHER_DATA={}", quoted(&data.to_string_lossy())));
        }
        if !modules.is_empty() {
            lines.push(format!("module load {} || exit", line(modules)));
        }
        lines.extend(setup.iter().cloned());
        lines.push(format!("exec {} {} {more}", self.program(), line(self.command)));
        lines.join("\n") + "\n"
    }

    /// What stands at the head of both scripts.
    pub fn head<'h>(&'h self, logs: &'h Path) -> Head<'h> {
        Head { name: self.name, logs, profile: self.profile }
    }

    /// The program with the container around it.
    fn program(&self) -> String {
        let asked = self.profile.program.as_deref();
        let Some(Container { image, runtime, .. }) = &self.profile.container else {
            return asked.map_or_else(|| quoted(&self.program.to_string_lossy()), quoted);
        };
        let mut words: Vec<String> = vec![runtime.program().into(), "exec".into()];
        words.extend(["--pwd".into(), self.directory.to_string_lossy().into_owned()]);
        for folder in self.bound() {
            words.extend(["--bind".into(), folder.to_string_lossy().into_owned()]);
        }
        words.push(image.to_string_lossy().into_owned());
        words.push(asked.unwrap_or("dither").to_owned());
        line(words)
    }

    /// What is seen inside of a container.
    fn bound(&self) -> Vec<PathBuf> {
        let binds = self.profile.container.iter().flat_map(|container| &container.binds);
        let own = [self.directory, self.store].map(Path::to_owned);
        let data = self.data.iter().map(PathBuf::from);
        let mut all: Vec<PathBuf> = Vec::new();
        for folder in own.into_iter().chain(data).chain(binds.cloned()) {
            if !all.iter().any(|known| folder.starts_with(known)) {
                all.push(folder);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Profile {
        toml::from_str(text).unwrap()
    }

    const PROFILE: &str = "partition = \"main\"\naccount = \"ab12\"\ntime = \"4:00:00\"\ncores = 8\n\
                           memory = \"16G\"\nat_once = 50\nmodules = [\"gcc/13\", \"openblas\"]\n\
                           options = [\"--constraint=zen4\"]\nsetup = [\"ulimit -n 4096\"]\n";

    fn scripts<'a>(
        scheduler: Scheduler,
        profile: &'a Profile,
        command: &'a [String],
    ) -> Scripts<'a> {
        Scripts {
            scheduler,
            profile,
            name: "dither-desk",
            program: Path::new("/opt/my tools/dither"),
            command,
            directory: Path::new("/home/me/it's 100%"),
            store: Path::new("/home/me/it's 100%/results/desk"),
            folder: Path::new("/home/me/it's 100%/results/desk/jobs/1"),
            data: Some("/data/sets".into()),
            elements: 12,
        }
    }

    fn command() -> Vec<String> {
        ["reproduce", "gupta2015", "--scale", "desk"].map(str::to_owned).into()
    }

    #[test]
    fn the_scripts_of_slurm() {
        let (profile, command) = (profile(PROFILE), command());
        let scripts = scripts(Scheduler::Slurm, &profile, &command);
        let array = r##"#!/bin/bash -l
#SBATCH --job-name=dither-desk
#SBATCH --array=1-12%50
#SBATCH --output="/home/me/it's 100%%/results/desk/jobs/1/logs/%A_%a.txt"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --partition=main
#SBATCH --account=ab12
#SBATCH --mem=16384M
#SBATCH --constraint=zen4
# An element of 12: what has no record yet, from where it was left.
element=$SLURM_ARRAY_TASK_ID
cd -- '/home/me/it'\''s 100%' || exit
export DITHER_DATA=/data/sets
module load gcc/13 openblas || exit
ulimit -n 4096
exec '/opt/my tools/dither' reproduce gupta2015 --scale desk --threads 8 --plan '/home/me/it'\''s 100%/results/desk/jobs/1/plan.json' --shard "$element/12"
"##;
        assert_eq!(scripts.array(), array);
        let merge = r##"#!/bin/bash -l
#SBATCH --job-name=dither-desk-merge
#SBATCH --output="/home/me/it's 100%%/results/desk/jobs/1/logs/merge_%j.txt"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#SBATCH --partition=main
#SBATCH --account=ab12
#SBATCH --mem=16384M
#SBATCH --constraint=zen4
# After all elements: is everything there? Then the report.
cd -- '/home/me/it'\''s 100%' || exit
export DITHER_DATA=/data/sets
module load gcc/13 openblas || exit
ulimit -n 4096
exec '/opt/my tools/dither' reproduce gupta2015 --scale desk --collect
"##;
        assert_eq!(scripts.merge(), merge);
    }

    #[test]
    fn a_container_sees_the_folders_and_has_its_own_program() {
        let text = "time = 10\ncores = 2\n[container]\nimage = \"my images/dither.sif\"\n\
                    runtime = \"singularity\"\nbinds = [\"/data\", \"/scratch\"]\n";
        let (profile, command) = (profile(text), command());
        let scripts = scripts(Scheduler::Slurm, &profile, &command);
        scripts.check().unwrap();
        let last = scripts.merge().lines().last().unwrap().to_owned();
        let expected = r"exec singularity exec --pwd '/home/me/it'\''s 100%' --bind '/home/me/it'\''s 100%' --bind /data/sets --bind /data --bind /scratch 'my images/dither.sif' dither reproduce gupta2015 --scale desk --collect";
        assert_eq!(last, expected);
        let odd = Scripts { store: Path::new("/a:b"), ..scripts };
        let broken = Scripts { folder: Path::new("/a\nb"), ..odd.clone() };
        assert!(broken.check().unwrap_err().to_string().contains("has a line break"));
        assert!(odd.check().unwrap_err().to_string().contains("'/a:b' has a comma or a colon"));
    }

    #[test]
    fn the_program_of_the_profile_goes_before_this_one() {
        let (profile, command) =
            (profile("time = 10\ncores = 2\nprogram = \"dither\"\n"), command());
        let scripts = scripts(Scheduler::Slurm, &profile, &command);
        let array = scripts.array();
        assert!(array.starts_with("#!/bin/bash\n"), "{array}");
        assert!(array.contains("\nexec dither reproduce gupta2015 "), "{array}");
        assert!(!array.contains("--partition") && !array.contains("--mem"), "{array}");
    }

    #[test]
    fn other_schedulers_have_the_same_array() {
        let (profile, command) = (profile(PROFILE), command());
        let of = |scheduler| scripts(scheduler, &profile, &command);
        let logs = Scripts::logs(Path::new("/store/jobs/1"));
        let files = [Path::new("/s p/array.sh"), Path::new("/s p/merge.sh")];
        let commands = |scheduler: Scheduler| {
            let scripts = of(scheduler);
            scheduler.commands(files, 12, scripts.head(&logs)).join("\n")
        };
        for (scheduler, heads, submit) in [
            (
                Scheduler::Pbs,
                "#PBS -N dither-desk\n#PBS -J 1-12%50\n#PBS -r y\n#PBS -j oe\n#PBS -o /dev/null\n\
                 #PBS -l select=1:ncpus=8:mem=16384mb\n#PBS -l walltime=04:00:00\n#PBS -q main\n\
                 #PBS -A ab12\n#PBS --constraint=zen4\n",
                "array=$(qsub '/s p/array.sh')\nqsub -W \"depend=afterany:$array\" '/s p/merge.sh'",
            ),
            (
                Scheduler::Lsf,
                "#BSUB -J \"dither-desk[1-12]%50\"\n#BSUB -r\n#BSUB -o /dev/null\n\
                 #BSUB -R \"span[hosts=1]\"\n#BSUB -n 8\n#BSUB -W 4:00\n\
                 #BSUB -M 16384MB -R \"rusage[mem=16384MB]\"\n#BSUB -q main\n#BSUB -P ab12\n\
                 #BSUB --constraint=zen4\n",
                "bsub < '/s p/array.sh'\nbsub -w 'ended(dither-desk)' < '/s p/merge.sh'",
            ),
            (
                Scheduler::Parallel,
                "",
                "seq 12 | parallel --jobs 50 bash '/s p/array.sh'\nbash '/s p/merge.sh'",
            ),
        ] {
            let array = of(scheduler).array();
            let index = scheduler.element(12);
            assert!(array.starts_with(&format!("#!/bin/bash -l\n{heads}# An element")), "{array}");
            assert!(array.contains(&format!("\nelement={index}\nexec >>")), "{array}");
            assert!(array.contains("/logs'/\"$element\".txt 2>&1\n"), "{array}");
            assert_eq!(commands(scheduler), submit);
        }
        let hq = commands(Scheduler::Hq);
        assert!(
            hq.starts_with("hq submit --wait --array=1-12 --cpus=8 --time-limit=14400s "),
            "{hq}"
        );
        assert_eq!(Scheduler::Pbs.element(1), "1");
        let one = Scripts { elements: 1, ..of(Scheduler::Pbs) };
        assert!(!one.array().contains("#PBS -J"));
    }
}
