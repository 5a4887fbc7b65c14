//! What is in a repository, as far as a lifecycle policy cares; read from ECR, or from the JSON of
//! `aws ecr describe-images`.

use crate::base::{Failure, Kind, ManifestDigest, MediaType, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// An image, an index or an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Of its manifest.
    pub digest: ManifestDigest,
    /// In order.
    pub tags: Vec<String>,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// When a pull of it was last recorded, which is done once a day.
    pub pulled_at: Option<Timestamp>,
    /// Where it is.
    pub status: Status,
    /// When it last went into the archive.
    pub archived_at: Option<Timestamp>,
    /// When it last came back from there.
    pub activated_at: Option<Timestamp>,
    /// Bytes of its layers; of an index, those of its largest image.
    pub size: Option<u64>,
    /// Whether it is an index.
    pub is_index: bool,
    /// What an index lists; none if that is not known.
    pub children: Option<Vec<ManifestDigest>>,
    /// The image that it is about, if it refers to one: a signature, an SBOM.
    pub subject: Option<ManifestDigest>,
}

/// Where an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It can be pulled.
    Active,
    /// It is in the archive.
    Archived,
    /// It is on its way back from there.
    Activating,
}

/// All images of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// By digest, each once.
    images: Vec<Image>,
}

impl Listing {
    /// The images in their order. Of those with the same digest, the last one counts.
    pub fn new(images: Vec<Image>) -> Self {
        let by_digest: BTreeMap<ManifestDigest, Image> =
            images.into_iter().map(|image| (image.digest, image)).collect();
        Self { images: by_digest.into_values().collect() }
    }

    /// The images, by digest.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The image of this digest.
    pub fn get(&self, digest: &ManifestDigest) -> Option<&Image> {
        let place = self.images.binary_search_by(|image| image.digest.cmp(digest));
        place.ok().map(|place| &self.images[place])
    }

    /// The image that has this tag.
    pub fn tagged(&self, tag: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.tags.iter().any(|known| known == tag))
    }

    /// What indexes list, which ECR keeps for as long as one of these is there.
    pub fn listed(&self) -> BTreeSet<ManifestDigest> {
        self.images.iter().flat_map(|image| image.children.iter().flatten().copied()).collect()
    }

    /// Whether an image refers to another that is there. ECR takes it away with that one, and policies leave it alone.
    pub fn is_referrer(&self, image: &Image) -> bool {
        image.subject.is_some_and(|subject| self.get(&subject).is_some())
    }

    /// The indexes of which it is not known what they list.
    pub fn unread_indexes(&self) -> usize {
        self.images.iter().filter(|image| image.is_index && image.children.is_none()).count()
    }

    /// Reads the answer of `DescribeImages`: an object with `imageDetails`, or the list alone. Times are those of RFC
    /// 3339, or seconds since 1970 as the AWS CLI 1 writes them. An index can have a member `manifests` with what it
    /// lists, as in its own document; ECR's answer has none, and that of `consign image list` may.
    pub fn parse(text: &str) -> Result<Self, ListingError> {
        let file: File = serde_json::from_str(text).map_err(|error| ListingError::Json(error.to_string()))?;
        let (File::Details { image_details: details } | File::List(details)) = file;
        let images = details.into_iter().enumerate().map(|(number, detail)| {
            detail.image().map_err(|reason| ListingError::Image { number: number + 1, reason })
        });
        Ok(Self::new(images.collect::<Result<_, _>>()?))
    }
}

/// A text is no list of images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// It is not JSON, or not of this shape.
    #[error("this is not the answer of `aws ecr describe-images`: {0}")]
    Json(String),
    /// One of the images is described in a way that makes no sense.
    #[error("image {number} of the list: {reason}")]
    Image {
        /// Its place, from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
}

impl Failure for ListingError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        Some("write the list with `aws ecr describe-images --repository-name NAME --output json`".into())
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "there is no list `imageDetails` with an `imageDigest` and an `imagePushedAt` for each image"
)]
enum File {
    #[serde(rename_all = "camelCase")]
    Details {
        image_details: Vec<Detail>,
    },
    List(Vec<Detail>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    image_digest: String,
    #[serde(default)]
    image_tags: Option<Vec<String>>,
    image_pushed_at: Moment,
    last_recorded_pull_time: Option<Moment>,
    image_size_in_bytes: Option<u64>,
    image_manifest_media_type: Option<String>,
    subject_manifest_digest: Option<String>,
    image_status: Option<String>,
    last_archived_at: Option<Moment>,
    last_activated_at: Option<Moment>,
    manifests: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
struct Listed {
    digest: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Text(String),
    Seconds(f64),
}

impl Moment {
    fn read(&self) -> Result<Timestamp, String> {
        match self {
            Self::Text(text) => text.parse().map_err(|_| format!("`{text}` is not a time of RFC 3339")),
            #[expect(clippy::cast_possible_truncation, reason = "what is out of range is refused after that")]
            Self::Seconds(seconds) => Timestamp::from_millisecond((seconds * 1000.0).round() as i64)
                .map_err(|_| format!("`{seconds:e}` is not a time")),
        }
    }
}

impl Detail {
    fn image(self) -> Result<Image, String> {
        let digest = |text: &String| text.parse().map_err(|_| format!("`{text}` is not a digest"));
        let moment = |moment: &Option<Moment>| moment.as_ref().map(Moment::read).transpose();
        let media_type = self.image_manifest_media_type.as_deref().map(MediaType::from);
        let mut tags = self.image_tags.unwrap_or_default();
        tags.sort_unstable();
        Ok(Image {
            digest: digest(&self.image_digest)?,
            tags,
            pushed_at: self.image_pushed_at.read()?,
            pulled_at: moment(&self.last_recorded_pull_time)?,
            status: match self.image_status.as_deref() {
                None | Some("ACTIVE") => Status::Active,
                Some("ARCHIVED") => Status::Archived,
                Some("ACTIVATING") => Status::Activating,
                Some(other) => return Err(format!("`imageStatus` can't be `{other}`")),
            },
            archived_at: moment(&self.last_archived_at)?,
            activated_at: moment(&self.last_activated_at)?,
            size: self.image_size_in_bytes,
            is_index: media_type.is_some_and(|kind| kind.is_index()) || self.manifests.is_some(),
            children: self
                .manifests
                .map(|all| all.iter().map(|listed| digest(&listed.digest)).collect())
                .transpose()?,
            subject: self.subject_manifest_digest.as_ref().map(digest).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

    #[test]
    fn the_answers_of_both_command_line_tools() {
        let two = format!(
            r#"{{"imageDetails": [{{"registryId": "1", "imageDigest": "{DIGEST}", "imageTags": ["b", "a"],
            "imageSizeInBytes": 7, "imagePushedAt": "2026-11-01T10:00:00.5+02:00", "imageStatus": "ARCHIVED",
            "imageManifestMediaType": "application/vnd.oci.image.index.v1+json"}}]}}"#
        );
        let listing = Listing::parse(&two).unwrap();
        let [image] = listing.images() else { panic!("{listing:?}") };
        assert_eq!(image.pushed_at.to_string(), "2026-11-01T08:00:00.5Z");
        assert_eq!(
            (image.tags.join(" "), image.size, image.status),
            ("a b".into(), Some(7), Status::Archived)
        );
        assert!(image.is_index && listing.unread_indexes() == 1);
        let one = format!(
            r#"[{{"imageDigest": "{DIGEST}", "imagePushedAt": 1761984000.25, "manifests": [{{"digest": "{DIGEST}"}}]}}]"#
        );
        let listing = Listing::parse(&one).unwrap();
        assert_eq!(listing.images()[0].pushed_at.to_string(), "2025-11-01T08:00:00.25Z");
        assert_eq!(listing.unread_indexes(), 0);
    }

    #[test]
    fn what_is_no_listing() {
        let wrong = |text: &str| Listing::parse(text).unwrap_err().to_string();
        assert!(wrong("{").contains("EOF"));
        assert!(wrong("{}").contains("there is no list `imageDetails`"), "{}", wrong("{}"));
        let with = |digest: &str, time: &str| {
            wrong(&format!(r#"[{{"imageDigest": "{digest}", "imagePushedAt": {time}}}]"#))
        };
        assert_eq!(with("sha256:1", "1"), "image 1 of the list: `sha256:1` is not a digest");
        assert_eq!(with(DIGEST, "\"today\""), "image 1 of the list: `today` is not a time of RFC 3339");
        assert_eq!(with(DIGEST, "1e300"), "image 1 of the list: `1e300` is not a time");
    }
}
