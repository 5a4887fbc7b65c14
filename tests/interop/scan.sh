# shellcheck shell=bash
set -euo pipefail
# What consign says of scans is what the AWS CLI says of them, and its SARIF is what the schema of SARIF 2.1.0 allows.

SCAN=$WORK/scan
mkdir -p "$SCAN/tree"
echo one >"$SCAN/tree/file"

# More findings than one page holds, of every severity; and what Amazon Inspector finds.
python3 - "$SCAN/findings.json" <<'PYTHON'
import json, sys

SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED"]
basic = [
    {
        "name": f"CVE-2026-{number:04}",
        "severity": SEVERITIES[number % 6],
        "uri": f"https://example.com/CVE-2026-{number:04}",
        "description": "What it is.\nIn two lines, with \"quotes\" and é.",
        "attributes": [
            {"key": "package_name", "value": f"package-{number % 7}"},
            {"key": "package_version", "value": "1.0-1+deb12u1"},
        ],
    }
    for number in range(1234)
]
enhanced = [
    {
        "title": f"CVE-2026-{number:04} - something",
        "severity": severity,
        "status": "SUPPRESSED" if number % 3 == 0 else "ACTIVE",
        "score": 7.5,
        "packageVulnerabilityDetails": {
            "vulnerabilityId": f"CVE-2026-{number:04}",
            "vulnerablePackages": [
                {"name": "log4j", "version": "2.0", "filePath": "app/lib x/log4j#1.jar", "fixedInVersion": "2.17"},
                {"name": "bash", "version": "5", "release": "1", "fixedInVersion": "NotAvailable"},
            ],
        },
    }
    for number, severity in enumerate(["CRITICAL", "HIGH", "UNTRIAGED", "LOW"])
]
scans = [
    {"image": "interop/enhanced", "polls": 0, "enhancedFindings": enhanced},
    {"image": "interop/failed", "polls": 0, "status": "FAILED", "description": "UnsupportedImageError"},
    {"image": "*", "polls": 2, "findings": basic},
]
json.dump({"scans": scans}, open(sys.argv[1], "w"))
PYTHON
emulator_start scans --findings "$SCAN/findings.json"

scan_push() {
  against scans "$CONSIGN" build "$SCAN/tree" --create-repository --push --tag "$@"
}

# scan_same REPOSITORY TAG QUERY: severity and name of all findings, by the CLI and by consign.
scan_same() {
  against scans aws --output json ecr describe-image-scan-findings --repository-name "$1" --image-id "imageTag=$2" \
    >"$SCAN/aws.json"
  against scans "$CONSIGN" scan show "$1:$2" --format json >"$SCAN/consign.json"
  jq -r ".imageScanFindings | $3" "$SCAN/aws.json" | sort >"$SCAN/aws.txt"
  jq -r '.images[0].findings[] | "\(.severity) \(.id)"' "$SCAN/consign.json" | sort >"$SCAN/consign.txt"
  [[ -s $SCAN/aws.txt ]] || fail "the CLI sees no findings"
  diff "$SCAN/aws.txt" "$SCAN/consign.txt"
  same "status" "$(jq -r .imageScanStatus.status "$SCAN/aws.json")" "$(jq -r '.images[0].status' "$SCAN/consign.json")"
}

scan_by_consign() {
  scan_push interop/scan:1
  against scans "$CONSIGN" scan start interop/scan:1
  against scans aws ecr wait image-scan-complete --repository-name interop/scan --image-id imageTag=1
  # shellcheck disable=SC2016
  scan_same interop/scan 1 '.findings[] | "\(.severity) \(.name)"'
  same "findings" 1234 "$(wc -l <"$SCAN/consign.txt" | tr -d ' ')"
  same "counts" "$(jq -cS .imageScanFindings.findingSeverityCounts "$SCAN/aws.json")" \
    "$(jq -cS .counts "$SCAN/consign.json")"
}

scan_by_aws() {
  echo two >"$SCAN/tree/file"
  scan_push interop/scan:2
  against scans aws ecr start-image-scan --repository-name interop/scan --image-id imageTag=2
  fails_with 6 against scans "$CONSIGN" scan wait interop/scan:2 --fail-on critical --sarif "$SCAN/basic.sarif"
  # shellcheck disable=SC2016
  scan_same interop/scan 2 '.findings[] | "\(.severity) \(.name)"'
}

scan_of_an_index() {
  local digest
  scan_push interop/index:1 --platform linux/amd64,linux/arm64
  fails_with 255 against scans aws ecr start-image-scan --repository-name interop/index --image-id imageTag=1
  against scans "$CONSIGN" scan start interop/index:1
  against scans "$CONSIGN" scan wait interop/index:1 --sarif "$SCAN/index.sarif"
  against scans "$CONSIGN" scan show interop/index:1 --format json >"$SCAN/index.json"
  for digest in $(jq -r '.images[].digest' "$SCAN/index.json"); do
    same "status of $digest" COMPLETE "$(against scans aws ecr describe-image-scan-findings --output text --max-items 1 \
      --repository-name interop/index --image-id "imageDigest=$digest" --query imageScanStatus.status | sed -n 1p)"
  done
  same "images" 2 "$(jq '.images | length' "$SCAN/index.json")"
}

scan_that_failed() {
  scan_push interop/failed:1
  against scans "$CONSIGN" scan start interop/failed:1
  fails_with 4 against scans "$CONSIGN" scan wait interop/failed:1 --sarif "$SCAN/failed.sarif"
  says UnsupportedImageError
  fails_with 255 against scans aws ecr wait image-scan-complete --repository-name interop/failed --image-id imageTag=1
}

scan_enhanced() {
  against scans aws ecr put-registry-scanning-configuration --scan-type ENHANCED \
    --rules '[{"scanFrequency":"CONTINUOUS_SCAN","repositoryFilters":[{"filter":"*","filterType":"WILDCARD"}]}]'
  scan_push interop/enhanced:1
  fails_with 4 against scans "$CONSIGN" scan start interop/enhanced:1
  says "enhanced scanning"
  # shellcheck disable=SC2016
  scan_same interop/enhanced 1 \
    '.enhancedFindings[] | "\(if .severity == "UNTRIAGED" then "UNDEFINED" else .severity end) \(.packageVulnerabilityDetails.vulnerabilityId)"'
  cat >"$SCAN/ignore.yaml" <<'YAML'
apiVersion: consign/v1
ignore:
  - { id: CVE-2026-0001, reason: "a \"reason\"", expires: 2999-12-31 }
YAML
  against scans "$CONSIGN" scan show interop/enhanced:1 --ignore-file "$SCAN/ignore.yaml" --sarif "$SCAN/enhanced.sarif"
  same "suppressed" "CVE-2026-0000 CVE-2026-0001 CVE-2026-0003" \
    "$(jq -r '[.runs[].results[] | select(.suppressions != []) | .ruleId] | unique | join(" ")' "$SCAN/enhanced.sarif")"
}

# The schema comes with Microsoft's matchers for tests.
scan_sarif() {
  local file
  command -v npm >/dev/null || skip "npm is not here, which gets the schema"
  (cd "$SCAN" && npm pack --silent @microsoft/jest-sarif@1.0.0-beta.0 && tar -xzf microsoft-jest-sarif-*.tgz)
  "$WORK/venv/bin/pip" install --quiet 'jsonschema[format-nongpl]'
  for file in basic index failed enhanced; do
    "$WORK/venv/bin/python" - "$SCAN/package/lib/schemas/sarif-2.1.0-rtm.5.json" "$SCAN/$file.sarif" <<'PYTHON'
import json, sys
import jsonschema

schema, log = (json.load(open(path)) for path in sys.argv[1:])
kind = jsonschema.validators.validator_for(schema)
kind.check_schema(schema)
judge = kind(schema, format_checker=kind.FORMAT_CHECKER)
wrong = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in judge.iter_errors(log)]
assert not wrong, "\n".join(wrong[:20])
# The judge does judge.
for broken in [{**log, "version": "2.0.0"}, {**log, "runs": [{"results": []}]}, {**log, "more": 1}]:
    assert not judge.is_valid(broken), "the schema lets everything through"
print(len(log["runs"][0]["results"]), "results")
PYTHON
  done
}

check "scan: started by consign, waited for and read by the AWS CLI" scan_by_consign
check "scan: started by the AWS CLI, waited for and read by consign" scan_by_aws
check "scan: an index is scanned image by image" scan_of_an_index
check "scan: one that fails, for both" scan_that_failed
check "scan: enhanced findings" scan_enhanced
check "scan: SARIF keeps to its schema" scan_sarif
