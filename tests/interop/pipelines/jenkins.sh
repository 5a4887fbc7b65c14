#!/bin/bash
# The Jenkinsfiles and the shared library of pipelines/jenkins, run by JenkinsPipelineUnit against an emulator whose role
# trusts a job of Jenkins (jenkins/Checks.groovy).
#
#   jenkins.sh BINARY
#
# Needs root on Debian 12; installs a JDK and Maven from Debian, and JenkinsPipelineUnit from Maven Central.
#
# How near this is to Jenkins: pipeline code goes through the transformation by which Jenkins can stop and go on in the
# middle (CPS, an older version of Jenkins' own library), with its state written and read back at every step, and steps
# do real work: `sh` runs `sh -xe` on the script as an unprivileged user with nothing but the environment that withEnv
# and withCredentials make, secret files are written and removed, readProperties and readJSON read the files that consign
# wrote. What it does not show: the sandbox's list of allowed methods, the validation of declarative syntax, and the
# plugins themselves. A real Jenkins can't be had from Maven Central.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=set-up.bash
source "$(dirname "${BASH_SOURCE[0]}")/set-up.bash"

install_packages curl:curl jq:jq java:default-jdk-headless mvn:maven setpriv:util-linux
quietly mvn --batch-mode --quiet --file "$HERE/pipelines/jenkins/pom.xml" dependency:build-classpath \
  "-Dmdep.outputFile=$WORK/classpath"

jenkins() {
  # Groovy 2.4 looks into classes of the JDK. What processes get is in the encoding of the locale.
  LC_ALL=C.UTF-8 java -Dfile.encoding=UTF-8 -XX:+UseSerialGC -XX:TieredStopAtLevel=1 --add-opens java.base/java.lang=ALL-UNNAMED \
    --add-opens java.base/java.util=ALL-UNNAMED --add-opens java.base/java.io=ALL-UNNAMED \
    --add-opens java.base/java.net=ALL-UNNAMED --add-opens java.base/sun.nio.fs=ALL-UNNAMED \
    -cp "$(cat "$WORK/classpath"):$HERE/pipelines/jenkins" groovy.ui.GroovyMain \
    "$HERE/pipelines/jenkins/Checks.groovy" "$1" 2>&1 | grep -vE '^\s+at (java|jdk|sun|org.codehaus|groovy|com.lesfurets)'
}

# Every parameter is an option of `consign build`, by its variable.
parameters() {
  local variable count=0
  "$CONSIGN" build --help >"$WORK/help"
  for variable in $(grep -oE "'(CONSIGN|SOURCE)_[A-Z_]+'" "$ROOT/pipelines/jenkins/vars/consignBuildPush.groovy" | tr -d "'" | grep -v '^CONSIGN_ID_TOKEN$'); do
    grep -qF "[env: $variable=" "$WORK/help" || fail "there is no option with the variable $variable"
    count=$((count + 1))
  done
  [[ $count -gt 25 ]] || fail "only $count variables were found"
}

# The library has to pass no value through Groovy's or the shell's hands.
no_interpolation() {
  local file
  for file in "$ROOT"/pipelines/jenkins/vars/*.groovy "$ROOT"/pipelines/jenkins/*Jenkinsfile; do
    ! grep -nE '(sh|script:) *\(?"' "$file" || fail "$file has a script in double quotes"
  done
}

mkdir -p "$WORK/library" "$WORK/home" "$WORK/page"
{
  echo "@Library('consign') _"
  block jenkins.md groovy 1
} >"$WORK/page/library.groovy"
block jenkins.md groovy 2 >"$WORK/page/plain.groovy"
block jenkins.md groovy 4 >"$WORK/page/codes.groovy"
cp -r "$ROOT/pipelines/jenkins" "$WORK/pipelines"
cp -r "$ROOT/pipelines/jenkins" "$WORK/library/consign@1"
ecr_for jenkins https://jenkins.example.com/oidc sts.amazonaws.com https://jenkins.example.com/job/shop-api/
token jenkins >"$WORK/token"
{
  variables_of jenkins
  printf '%s\n' "PATH=$PATH" AWS_EC2_METADATA_DISABLED=true no_proxy=127.0.0.1 CONSIGN_RETRY_BACKOFF_MILLISECONDS=10
} >"$WORK/variables"

check "jenkins: parameters of the library are options of consign" parameters
check "jenkins: no script is interpolated" no_interpolation
check "jenkins: both Jenkinsfiles, to the deployment that gets the digest" jenkins files
check "jenkins: the examples of the page" jenkins page
check "jenkins: what the step gives" jenkins result
check "jenkins: the workspace itself, twice" jenkins workspace
check "jenkins: the library can be interrupted" jenkins interruptible
check "jenkins: without Docker, as a user without rights" jenkins user
check "jenkins: hostile values stay values" jenkins hostile
check "jenkins: mistakes are told before anything runs" jenkins mistakes
check "jenkins: exit codes" jenkins codes

ended
