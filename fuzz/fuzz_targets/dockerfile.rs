//! Any bytes as a Dockerfile: read, checked and evaluated, with and without a base that is known.
//!
//! Run by `fuzz/run`.
#![no_main]

use consign_fuzz::base::Platform;
use consign_fuzz::spec::dockerfile::{BaseImage, Options, check, evaluate, parse, text};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let file = Path::new("Dockerfile");
    let lossy = String::from_utf8_lossy(bytes);
    assert_eq!(text(file, bytes).is_ok(), std::str::from_utf8(bytes).is_ok());
    let options = Options::new(Platform::host());
    let base = BaseImage { env: vec![("PATH".into(), "/bin".into())], ..BaseImage::default() };
    for known in [None, Some(base)] {
        let checked = check(file, &lossy, &options, &|_, _| known.clone());
        if let Some(error) = checked.error {
            // What is shown is made from places in the text.
            assert!(!error.problems.is_empty() && !error.to_string().is_empty());
        } else {
            let dockerfile = parse(file, &lossy).expect("nothing was wrong");
            let evaluated = evaluate(&dockerfile, &options, &|_, _| known.clone()).expect("nothing was wrong");
            for stage in evaluated.stages {
                stage.steps.iter().for_each(|step| drop(step.created_by()));
            }
        }
    }
});
