//! How events look: bars on a terminal, lines in a log, JSON for machines, or nothing.

use super::args::ProgressForm;
use super::printer::Printer;
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::{Event, Reporter, human};
use crate::ci::gitlab::Sections;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// In a log, a layer tells how far it is no more often than this.
const PLAIN_PACE: Duration = Duration::from_secs(5);

/// The reporter for `form`; a plain log gets sections if it is `gitlab`'s.
pub(super) fn reporter(form: ProgressForm, quiet: bool, gitlab: bool, printer: Printer) -> Arc<dyn Reporter> {
    match form {
        ProgressForm::Json => Arc::new(Json(printer)),
        ProgressForm::None => Arc::new(Quiet(printer)),
        _ if quiet => Arc::new(Quiet(printer)),
        ProgressForm::Auto if std::io::stderr().is_terminal() => Arc::new(Bars::new(printer)),
        ProgressForm::Auto | ProgressForm::Plain => Arc::new(Plain::new(gitlab, printer)),
    }
}

/// The line that says what an event means, for those that mean something on their own.
fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Authenticated { source, arn } => match arn {
            Some(arn) => format!("authenticated as {arn} with {source}"),
            None => format!("authenticated with {source}"),
        },
        Event::ContextRead { entries, bytes } => {
            let entries = usize::try_from(*entries).unwrap_or(usize::MAX);
            let noun = if entries == 1 { "entry" } else { "entries" };
            format!("context: {entries} {noun}, {}", human::size(*bytes))
        }
        Event::LayerDone { name, digest, bytes, reused, .. } => {
            let what = if *reused { "is in the registry already" } else { "sent" };
            format!("layer {name}: {what}, {} sha256:{}", human::size(*bytes), digest.short())
        }
        Event::Retrying { what, why } => format!("{what} starts anew: {why}"),
        Event::RepositoryCreated { repository } => format!("created the repository {repository}"),
        Event::Tagged { reference, digest, unchanged } => {
            let what = if *unchanged { "already is" } else { "is now" };
            format!("{reference} {what} {digest}")
        }
        Event::Started { what } => what.clone(),
        _ => return None,
    })
}

/// Warnings only.
#[derive(Debug)]
struct Quiet(Printer);

impl Reporter for Quiet {
    fn event(&self, event: Event) {
        if let Event::Warning { message } = event {
            self.0.warning(&message);
        }
    }
}

/// One JSON object a line.
#[derive(Debug)]
struct Json(Printer);

impl Reporter for Json {
    fn event(&self, event: Event) {
        // Bytes read come thousands of times a second; what is sent tells the progress.
        if !matches!(event, Event::LayerRead { .. })
            && let Ok(line) = serde_json::to_string(&event)
        {
            self.0.stderr(&line);
        }
    }
}

/// What a log has to know of the lines before.
#[derive(Debug, Default)]
struct Log {
    /// The layers that are on their way.
    layers: HashMap<usize, Layer>,
    /// For GitLab.
    sections: Option<Sections>,
}

#[derive(Debug)]
struct Layer {
    name: String,
    total: Option<u64>,
    read: u64,
    told: Instant,
}

/// Lines for a log.
#[derive(Debug)]
struct Plain {
    printer: Printer,
    log: Mutex<Log>,
}

impl Plain {
    fn new(gitlab: bool, printer: Printer) -> Self {
        let log = Log { sections: gitlab.then(Sections::default), ..Log::default() };
        Self { printer, log: log.into() }
    }
}

impl Reporter for Plain {
    fn event(&self, event: Event) {
        // Held while lines are printed, so that those of another thread do not come between a line and its marker.
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let line = line(&event);
        let lines = match &mut log.sections {
            None => line.into_iter().collect(),
            Some(sections) => sections.lines(&event, line, SystemClock.now()),
        };
        for line in lines {
            self.printer.stderr(&line);
        }
        match event {
            Event::Warning { message } => self.printer.warning(&message),
            Event::LayerStarted { index, name, bytes } => {
                log.layers.insert(index, Layer { name, total: bytes, read: 0, told: Instant::now() });
            }
            Event::LayerRead { index, bytes } => {
                let Some(layer) = log.layers.get_mut(&index) else { return };
                layer.read += bytes;
                if layer.told.elapsed() >= PLAIN_PACE {
                    layer.told = Instant::now();
                    let total = layer.total.map(|total| format!(" of {}", human::size(total)));
                    let (name, read) = (&layer.name, human::size(layer.read));
                    self.printer.stderr(&format!("layer {name}: {read}{}", total.unwrap_or_default()));
                }
            }
            Event::LayerDone { index, .. } => drop(log.layers.remove(&index)),
            _ => {}
        }
    }

    fn finish(&self) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(marker) = log.sections.as_mut().and_then(|sections| sections.end(SystemClock.now())) {
            self.printer.stderr(&marker);
        }
    }
}

/// Bars on a terminal, one for each layer that is on its way.
#[derive(Debug)]
struct Bars {
    printer: Printer,
    drawing: MultiProgress,
    layers: Mutex<HashMap<usize, ProgressBar>>,
}

impl Bars {
    fn new(printer: Printer) -> Self {
        let drawing = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15));
        Self { printer, drawing, layers: Mutex::default() }
    }

    /// Prints above the bars.
    fn say(&self, print: impl FnOnce()) {
        self.drawing.suspend(print);
    }
}

impl Reporter for Bars {
    fn event(&self, event: Event) {
        if let Some(line) = line(&event) {
            self.say(|| self.printer.stderr(&line));
        }
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Warning { message } => self.say(|| self.printer.warning(&message)),
            Event::LayerStarted { index, name, bytes } => {
                let style = ProgressStyle::with_template(
                    "{msg:20!} {bar:30} {decimal_bytes:>9} of {decimal_total_bytes:<9} {decimal_bytes_per_sec}",
                );
                let bar = self.drawing.add(ProgressBar::new(bytes.unwrap_or(0)));
                if let Ok(style) = style {
                    bar.set_style(style);
                }
                bar.set_message(name);
                layers.insert(index, bar);
            }
            Event::LayerRead { index, bytes } => {
                if let Some(bar) = layers.get(&index) {
                    bar.inc(bytes);
                }
            }
            Event::Retrying { .. } => layers.values().for_each(|bar| bar.set_position(0)),
            Event::LayerDone { index, .. } => {
                if let Some(bar) = layers.remove(&index) {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }
}
