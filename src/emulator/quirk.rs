//! What no source settles about ECR. A client has to work with every reading, so each is a switch.
//!
//! A quirk is written `NAME=VALUE`. The first value is the default: the reading that is more likely.
//!
//! | quirk | values | what is not known |
//! |---|---|---|
//! | `part-size` | `10485760` `20971520` | the part size that `InitiateLayerUpload` answers |
//! | `expired-token` | `403` `401` | the status of `/v2/` for a registry token that has expired |
//! | `token-life` | `12h` `session` | whether a registry token outlives the credentials it was made with |
//! | `immutable-repush` | `image-exists` `tag-exists` | the exception for the same image under its immutable tag |
//! | `absent-layer` | `unavailable` `failure` | where `BatchCheckLayerAvailability` lists a digest that is not there |
//! | `fresh-last-byte` | `absent` `0` | `lastValidByteReceived` of an upload that has no byte yet |
//! | `upload-lifetime` | `24h` `1h` `never` | how long an upload stays open |
//! | `blob-delete` | `405` `202` | what `DELETE` of a blob does |
//! | `upload-status` | `204` `405` | what `GET` of an upload does |
//! | `upload-delete` | `204` `405` | what `DELETE` of an upload does |
//! | `single-post` | `202` `201` | whether `POST …?digest=` stores the blob at once |
//! | `chunk-min-length` | `absent` `sent` | whether `OCI-Chunk-Min-Length` is sent |
//! | `chunk-ceiling` | `none` `10485760` `20971520` | the largest `PATCH` |
//! | `stale-range` | `off` `on` | whether `Range` stops growing after the first of several `PATCH`es |
//! | `unreferenced-blob` | `200` `404` | `HEAD` of a blob that no image uses yet |
//! | `layers-not-found` | `404` `400` | the status for a manifest whose layers are missing |
//! | `children-not-found` | `404` `400` | the status for an index whose images are missing |
//! | `digest-mismatch` | `DIGEST_INVALID` `BLOB_UPLOAD_INVALID` | the code for bytes that have another digest |
//! | `unknown-upload` | `404` `400` | the status for an upload that is not open |
//! | `referenced-delete` | `405` `403` | the status for deleting an image that an index refers to |
//! | `missing-subject` | `accept` `refuse` | whether a manifest may refer to a subject that is not there |
//! | `tag-length` | `128` `300` | the longest tag: OCI's limit or the API model's |
//! | `max-layers` | `none` `127` | whether an image may have any number of layers |
//! | `json-create-on-push` | `on` `off` | whether templates make repositories for pushes by the API too |
//! | `error-type-header` | `absent` `sent` | whether JSON errors carry `x-amzn-ErrorType` |
//! | `retry-after` | `absent` `sent` | whether a throttled answer on `/v2/` says when to come back |
//! | `replication-rules` | `10` `25` | how many replication rules a registry may have |
//! | `token-rate` | `500` `20` | calls of `GetAuthorizationToken` per second, with enforced rates |
//! | `control-plane-rate` | `20` `5` | calls per second of operations without a published rate, with enforced rates |
//! | `public-head-blob` | `401-anonymous` `401` `200` | `HEAD` of a blob on ECR Public: 401 was seen, but Docker can push |
//!
//! With `strict_oci`, what the OCI specification settles is settled by it.

use std::fmt;
use std::str::FromStr;

/// Why a text is not a quirk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a quirk: {reason}")]
pub struct ParseQuirkError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

macro_rules! quirks {
    ($($name:literal $field:ident $Type:ident: $doc:literal {
        $first:literal $First:ident: $first_doc:literal,
        $($value:literal $Variant:ident: $value_doc:literal,)+
    })+) => {
        $(
            #[doc = $doc]
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
            pub enum $Type {
                #[doc = $first_doc]
                #[default]
                $First,
                $(#[doc = $value_doc] $Variant,)+
            }

            impl FromStr for $Type {
                type Err = String;

                fn from_str(text: &str) -> Result<Self, String> {
                    match text {
                        $first => Ok(Self::$First),
                        $($value => Ok(Self::$Variant),)+
                        _ => Err(format!("`{}` is none of {}", text, [$first, $($value),+].join(", "))),
                    }
                }
            }

            impl fmt::Display for $Type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(match self {
                        Self::$First => $first,
                        $(Self::$Variant => $value,)+
                    })
                }
            }
        )+

        /// The readings that an emulator follows; the default of each is the likelier one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Quirks {
            $(#[doc = $doc] pub $field: $Type,)+
        }

        impl Quirks {
            /// Follows the reading that `quirk` names.
            pub fn set(&mut self, quirk: Quirk) {
                match quirk {
                    $(Quirk::$Type(value) => self.$field = value,)+
                }
            }
        }

        /// One reading; its text form is `NAME=VALUE` as listed in the [module](self).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Quirk {
            $(#[doc = $doc] $Type($Type),)+
        }

        impl Quirk {
            /// Every quirk's name, with its values, the default first.
            pub const ALL: &'static [(&'static str, &'static [&'static str])] =
                &[$(($name, &[$first, $($value),+])),+];

            fn parse(name: &str, value: &str) -> Result<Self, String> {
                match name {
                    $($name => value.parse().map(Self::$Type),)+
                    _ => Err(format!("`{name}` is none of {}", [$($name),+].join(", "))),
                }
            }
        }

        impl fmt::Display for Quirk {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$Type(value) => write!(f, "{}={value}", $name),)+
                }
            }
        }
    };
}

quirks! {
    "part-size" part_size PartSize: "The part size, unless the settings name another than the usual one." {
        "10485760" TenMebibytes: "10 MiB",
        "20971520" TwentyMebibytes: "20 MiB",
    }
    "expired-token" expired_token ExpiredToken: "The status of `/v2/` for a token that has expired." {
        "403" Forbidden: "403",
        "401" Unauthorized: "401",
    }
    "token-life" token_life TokenLife: "How long a registry token holds." {
        "12h" TwelveHours: "12 hours, whatever it was made with.",
        "session" Session: "No longer than the credentials that it was made with.",
    }
    "immutable-repush" immutable_repush ImmutableRepush: "The exception for pushing what is already there, under a tag that can't be moved." {
        "image-exists" ImageAlreadyExists: "`ImageAlreadyExistsException`",
        "tag-exists" ImageTagAlreadyExists: "`ImageTagAlreadyExistsException`",
    }
    "absent-layer" absent_layer AbsentLayer: "How `BatchCheckLayerAvailability` reports a digest that is not there." {
        "unavailable" Unavailable: "Among `layers`, as `UNAVAILABLE`.",
        "failure" Failure: "Among `failures`, as `MissingLayerDigest`.",
    }
    "fresh-last-byte" fresh_last_byte FreshLastByte: "`lastValidByteReceived` of an upload that has no byte yet." {
        "absent" Absent: "The member is left out.",
        "0" Zero: "0",
    }
    "upload-lifetime" upload_lifetime UploadLifetime: "How long an upload stays open." {
        "24h" Day: "A day.",
        "1h" Hour: "An hour.",
        "never" Never: "It does not run out.",
    }
    "blob-delete" blob_delete BlobDelete: "What `DELETE` of a blob does." {
        "405" Unsupported: "It is not supported.",
        "202" Accepted: "The repository forgets the blob.",
    }
    "upload-status" upload_status UploadStatus: "What `GET` of an upload does." {
        "204" NoContent: "It tells how far the upload is.",
        "405" Unsupported: "It is not supported.",
    }
    "upload-delete" upload_delete UploadDelete: "What `DELETE` of an upload does." {
        "204" NoContent: "It ends the upload.",
        "405" Unsupported: "It is not supported.",
    }
    "single-post" single_post SinglePost: "What `POST …?digest=` with the whole blob does." {
        "202" Session: "It opens an upload and takes no notice of the bytes.",
        "201" Stored: "It stores the blob.",
    }
    "chunk-min-length" chunk_min_length ChunkMinLength: "Whether `OCI-Chunk-Min-Length` is sent." {
        "absent" Absent: "It is not.",
        "sent" Sent: "It is.",
    }
    "chunk-ceiling" chunk_ceiling ChunkCeiling: "The largest `PATCH`." {
        "none" None: "Any size.",
        "10485760" TenMebibytes: "10 MiB",
        "20971520" TwentyMebibytes: "20 MiB",
    }
    "stale-range" stale_range StaleRange: "Whether `Range` stops growing after the first `PATCH`." {
        "off" Off: "It tells what is stored.",
        "on" On: "It stays where the first `PATCH` ended, though the bytes are stored.",
    }
    "unreferenced-blob" unreferenced_blob UnreferencedBlob: "`HEAD` of a blob that no image uses yet." {
        "200" Found: "It is there.",
        "404" NotFound: "It is not there.",
    }
    "layers-not-found" layers_not_found LayersNotFound: "The status for a manifest whose layers are missing." {
        "404" NotFound: "404",
        "400" BadRequest: "400",
    }
    "children-not-found" children_not_found ChildrenNotFound: "The status for an index whose images are missing." {
        "404" NotFound: "404",
        "400" BadRequest: "400",
    }
    "digest-mismatch" digest_mismatch DigestMismatch: "The code on `/v2/` for bytes that have another digest." {
        "DIGEST_INVALID" DigestInvalid: "`DIGEST_INVALID`",
        "BLOB_UPLOAD_INVALID" BlobUploadInvalid: "`BLOB_UPLOAD_INVALID`",
    }
    "unknown-upload" unknown_upload UnknownUpload: "The status of `/v2/` for an upload that is not open." {
        "404" NotFound: "404",
        "400" BadRequest: "400",
    }
    "referenced-delete" referenced_delete ReferencedDelete: "The status of `/v2/` for deleting an image that an index refers to." {
        "405" Unsupported: "405",
        "403" Denied: "403",
    }
    "missing-subject" missing_subject MissingSubject: "Whether a manifest may refer to a subject that is not there." {
        "accept" Accept: "It may.",
        "refuse" Refuse: "It is refused like an index whose images are missing.",
    }
    "tag-length" tag_length TagLength: "The longest tag." {
        "128" Oci: "128 characters, as in OCI's grammar.",
        "300" Model: "300 characters, as in the API's model.",
    }
    "max-layers" max_layers MaxLayers: "How many layers an image may have." {
        "none" None: "Any number.",
        "127" Docker: "127, as Docker has it.",
    }
    "json-create-on-push" json_create_on_push JsonCreateOnPush: "Whether templates make repositories for pushes by the API too." {
        "on" On: "They do.",
        "off" Off: "They do so on `/v2/` only.",
    }
    "error-type-header" error_type_header ErrorTypeHeader: "Whether JSON errors carry `x-amzn-ErrorType`." {
        "absent" Absent: "They do not.",
        "sent" Sent: "They do.",
    }
    "retry-after" retry_after RetryAfter: "Whether a throttled answer on `/v2/` says when to come back." {
        "absent" Absent: "It does not.",
        "sent" Sent: "It says: in a second.",
    }
    "replication-rules" replication_rules ReplicationRules: "How many replication rules a registry may have." {
        "10" Ten: "10, as in the API model and the quota table.",
        "25" TwentyFive: "25, as on the page about replication.",
    }
    "token-rate" token_rate TokenRate: "Calls of `GetAuthorizationToken` per second, with enforced rates." {
        "500" Quota: "500, as in the quota table.",
        "20" Bucket: "20 after the first 200, as on the page of common errors.",
    }
    "control-plane-rate" control_plane_rate ControlPlaneRate: "Calls per second of an operation without a published rate, with enforced rates." {
        "20" Twenty: "20",
        "5" Five: "5",
    }
    "public-head-blob" public_head_blob PublicHeadBlob: "`HEAD` of a blob on ECR Public." {
        "401-anonymous" Anonymous: "It is refused, unless somebody logged in asks.",
        "401" Unauthorized: "It is refused, whoever asks.",
        "200" Found: "It is answered as on private ECR.",
    }
}

impl FromStr for Quirk {
    type Err = ParseQuirkError;

    fn from_str(text: &str) -> Result<Self, ParseQuirkError> {
        let parsed = match text.split_once('=') {
            Some((name, value)) => Self::parse(name, value),
            None => Err("it is not NAME=VALUE".into()),
        };
        parsed.map_err(|reason| ParseQuirkError { text: text.into(), reason })
    }
}

impl Extend<Quirk> for Quirks {
    fn extend<I: IntoIterator<Item = Quirk>>(&mut self, quirks: I) {
        for quirk in quirks {
            self.set(quirk);
        }
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        let mut all = Self::default();
        all.extend(quirks);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_every_quirk_is_read_and_written() {
        let mut changed = Quirks::default();
        for (name, values) in Quirk::ALL {
            for (index, value) in values.iter().enumerate() {
                let text = format!("{name}={value}");
                let quirk: Quirk = text.parse().unwrap();
                assert_eq!(quirk.to_string(), text);
                let alone = Quirks::from_iter([quirk]);
                assert_eq!(alone == Quirks::default(), index == 0, "{text}: the default comes first");
                changed.set(quirk);
            }
        }
        assert_ne!(changed, Quirks::default());
    }

    #[test]
    fn what_is_none_says_what_would_be() {
        let reason = |text: &str| text.parse::<Quirk>().unwrap_err().reason;
        assert!(reason("expired-token").contains("NAME=VALUE"));
        assert!(reason("expired=401").contains("expired-token"));
        assert_eq!(reason("expired-token=200"), "`200` is none of 403, 401");
    }

    #[test]
    fn the_table_lists_every_quirk() {
        let source = include_str!("quirk.rs");
        for (name, values) in Quirk::ALL {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            let row = format!("//! | `{name}` | {} |", values.join(" "));
            assert!(source.contains(&row), "{row}");
        }
    }
}
