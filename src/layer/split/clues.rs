//! What a directory is, told by the names in it.

/// What the names in a directory say about it.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a name that was seen or not; any may go together")]
pub(super) struct Clues {
    /// `pyvenv.cfg`: a Python environment.
    pub(super) pyvenv: bool,
    /// `conda-meta`: a Conda environment.
    pub(super) conda: bool,
    /// `autoload.php`: what Composer installed, if the directory is `vendor`.
    pub(super) autoload: bool,
    /// `modules.txt`: what Go vendored, if the directory is `vendor`.
    pub(super) modules: bool,
    /// `bundle` or `cache`: what Bundler installed, if the directory is `vendor`.
    pub(super) bundle: bool,
    /// `gems`: with `specifications`, what `RubyGems` installed.
    pub(super) gems: bool,
    /// `specifications`.
    pub(super) specifications: bool,
    /// `mix.exs` or `mix.lock`: a project of Elixir.
    pub(super) mix: bool,
    /// `releases`: with `erts`, a release of Erlang or Elixir.
    pub(super) releases: bool,
    /// `erts-14.2`: Erlang's runtime.
    pub(super) erts: bool,
    /// `jvm.cfg`: the `lib` of a Java runtime.
    pub(super) jvm: bool,
    /// How many `*.jar` files.
    pub(super) jars: u32,
    /// How many entries that are no directories, those included.
    pub(super) files: u32,
}

impl Clues {
    /// Takes in the name of something that is no directory.
    pub(super) fn file(&mut self, name: &[u8]) {
        self.files = self.files.saturating_add(1);
        match name {
            b"pyvenv.cfg" => self.pyvenv = true,
            b"autoload.php" => self.autoload = true,
            b"modules.txt" => self.modules = true,
            b"mix.exs" | b"mix.lock" => self.mix = true,
            b"jvm.cfg" => self.jvm = true,
            _ if name.ends_with(b".jar") => self.jars = self.jars.saturating_add(1),
            _ => {}
        }
    }

    /// Takes in the name of a directory.
    pub(super) fn directory(&mut self, name: &[u8]) {
        match name {
            b"conda-meta" => self.conda = true,
            b"bundle" | b"cache" => self.bundle = true,
            b"gems" => self.gems = true,
            b"specifications" => self.specifications = true,
            b"releases" => self.releases = true,
            _ if name.starts_with(b"erts-") => self.erts = true,
            _ => {}
        }
    }

    /// Whether it holds jars and little else. One jar alone is an application as often as not.
    pub(super) fn is_mostly_jars(&self) -> bool {
        self.jars >= 2 && self.jars > self.files / 2
    }
}
