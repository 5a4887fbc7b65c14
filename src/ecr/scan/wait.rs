//! Waiting for scans to end.

use super::report::{Phase, ScanType};
use super::scanner::{Scanner, Started, Targets};
use super::{ImageScan, Report, ScanError};
use crate::base::{Event, Failure as _, Kind, Reporter, Timestamp, human};
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The first wait; it doubles each time.
    pub first: Duration,
    /// The longest one.
    pub longest: Duration,
    /// How long a scan may take.
    pub timeout: Duration,
    /// How long there may be no scan at all: ECR begins one some time after a push.
    pub patience: Duration,
}

/// Whether scans are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Somebody else does that.
    Never,
    /// If there is none, or one of basic scanning that ended before this time: what was not known then may be known by
    /// now. ECR makes no other within 24 hours, and then the one that is there has to do.
    IfEndedBefore(Timestamp),
}

/// One image that is waited for.
struct Waiting {
    scan: Option<ImageScan>,
    /// What was told last.
    told: Option<String>,
    /// A scan was asked for, or need not be.
    asked: bool,
    /// Why no scan could be begun.
    refusal: Option<ScanError>,
    /// The end of a scan that is too old.
    stale: Option<Timestamp>,
    done: bool,
}

/// Waits until all scans of `targets` have ended, however they did.
pub async fn wait(
    scanner: &Scanner<'_>,
    targets: &Targets,
    pace: Pace,
    begin: Begin,
    reporter: &dyn Reporter,
) -> Result<Report, ScanError> {
    let started = Instant::now();
    let new = |_| Waiting {
        scan: None,
        told: None,
        asked: begin == Begin::Never,
        refusal: None,
        stale: None,
        done: false,
    };
    let mut images: Vec<Waiting> = targets.images.iter().map(new).collect();
    let (mut pause, patience) = (pace.first, pace.patience.min(pace.timeout));
    for round in 0_usize.. {
        for (target, image) in targets.images.iter().zip(&mut images).filter(|(_, image)| !image.done) {
            let scan = scanner.describe(target).await?;
            let (phase, name) = (scan.phase(), scan.name());
            let is_old = |time: Timestamp| {
                scan.scan_type == Some(ScanType::Basic) && scan.completed_at.is_some_and(|end| end < time)
            };
            let wanted = match begin {
                Begin::Never => false,
                // Right after a push, ECR gets a moment to begin by itself.
                Begin::IfEndedBefore(_) if phase == Phase::Absent => round > 0,
                Begin::IfEndedBefore(time) => phase == Phase::Found && is_old(time),
            };
            if wanted && !image.asked {
                image.asked = true;
                match scanner.start(&target.digest).await {
                    Ok(Started::Begun) => {
                        reporter.event(Event::Started { what: format!("scan of {name}: started") });
                        image.stale = scan.completed_at;
                    }
                    Ok(Started::TooSoon) | Err(ScanError::Enhanced { .. } | ScanError::NotStarted(_)) => {}
                    Err(ScanError::Unscannable { why, .. }) if phase == Phase::Absent => {
                        image.done = true;
                        let status = Some("UNSUPPORTED_IMAGE".to_owned());
                        image.scan = Some(ImageScan { status, description: Some(why), ..scan });
                        continue;
                    }
                    // Somebody else may begin it, or it was not needed; which it is shows later.
                    Err(error) if error.kind() == Kind::Denied => image.refusal = Some(error),
                    Err(error) => return Err(error),
                }
                if phase == Phase::Found && image.refusal.is_some() {
                    reporter.warn(format!(
                        "{name} was scanned last at {}, and the role may not start a new scan (ecr:StartImageScan)",
                        scan.completed_at.unwrap_or_default()
                    ));
                }
            }
            let is_stale = phase == Phase::Found && image.stale.is_some() && image.stale == scan.completed_at;
            match phase {
                Phase::Absent if started.elapsed() >= patience => {
                    let absent = ScanError::Absent { image: scan.image, waited: Some(patience) };
                    return Err(image.refusal.take().unwrap_or(absent));
                }
                Phase::Found if !is_stale => image.done = true,
                Phase::Unscanned => image.done = true,
                _ => {}
            }
            if !image.done && image.told.as_deref() != Some(scan.status()) {
                reporter.event(Event::Started { what: format!("scan of {name}: {}", scan.status()) });
                image.told = Some(scan.status().to_owned());
            }
            image.scan = Some(scan);
        }
        let Some(open) = images.iter().find(|image| !image.done) else { break };
        let left = pace.timeout.saturating_sub(started.elapsed());
        if left.is_zero() {
            let scan = open.scan.as_ref();
            return Err(ScanError::TimedOut {
                image: scan.map(ImageScan::name).unwrap_or_default(),
                status: scan.map(ImageScan::summary).unwrap_or_default(),
                waited: pace.timeout,
            });
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(pace.longest);
    }
    tracing::debug!("waited {} for scans", human::duration(started.elapsed()));
    Ok(scanner.report(targets, images.into_iter().filter_map(|image| image.scan).collect()))
}
