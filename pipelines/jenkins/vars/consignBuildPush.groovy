/*
 * Builds an image with consign and pushes it to Amazon ECR. See docs/jenkins.md.
 *
 *   def pushed = consignBuildPush(
 *       context: 'dist',
 *       tags: ["shop/api:${env.BUILD_NUMBER}"],
 *       roleToAssume: 'arn:aws:iam::123456789012:role/ci',
 *       region: 'eu-west-1',
 *       tokenFileCredentialsId: 'aws-oidc',
 *   )
 *   echo pushed.image
 *
 * Parameters reach consign as variables of its environment. No shell and no Groovy text is made of them, so a value is
 * a value, whatever is in it. The agent needs a shell and consign, and neither Docker nor root.
 */

import groovy.transform.Field

/** Parameters with one value, and the variables in which consign takes them. */
@Field
final Map SINGLE = [
    context: 'CONSIGN_CONTEXT',
    file: 'CONSIGN_FILE',
    dest: 'CONSIGN_DEST',
    base: 'CONSIGN_BASE',
    entrypoint: 'CONSIGN_ENTRYPOINT',
    cmd: 'CONSIGN_CMD',
    workdir: 'CONSIGN_WORKDIR',
    user: 'CONSIGN_USER',
    chown: 'CONSIGN_CHOWN',
    stopSignal: 'CONSIGN_STOP_SIGNAL',
    sourceDateEpoch: 'SOURCE_DATE_EPOCH',
    compression: 'CONSIGN_COMPRESSION',
    compressionLevel: 'CONSIGN_COMPRESSION_LEVEL',
    layers: 'CONSIGN_LAYERS',
    cacheDir: 'CONSIGN_CACHE_DIR',
    createRepository: 'CONSIGN_CREATE_REPOSITORY',
    transport: 'CONSIGN_TRANSPORT',
    roleToAssume: 'CONSIGN_ROLE_TO_ASSUME',
    roleSessionName: 'CONSIGN_ROLE_SESSION_NAME',
    roleDurationSeconds: 'CONSIGN_ROLE_DURATION_SECONDS',
    region: 'CONSIGN_REGION',
]

/** Parameters with several values: a list, or a text with one a line. Where consign splits at commas too, so `true`. */
@Field
final Map SEVERAL = [
    tags: [variable: 'CONSIGN_TAG', commas: true],
    platforms: [variable: 'CONSIGN_PLATFORM', commas: true],
    expose: [variable: 'CONSIGN_EXPOSE', commas: true],
    cacheFrom: [variable: 'CONSIGN_CACHE_FROM', commas: true],
    allowedAccountIds: [variable: 'CONSIGN_ALLOWED_ACCOUNT_IDS', commas: true],
    volumes: [variable: 'CONSIGN_VOLUME', commas: false],
    env: [variable: 'CONSIGN_ENV', commas: false],
    labels: [variable: 'CONSIGN_LABEL', commas: false],
    annotations: [variable: 'CONSIGN_ANNOTATION', commas: false],
]

/** Credentials of the OpenID Connect Provider plugin: `id token as file` and `id token`. */
@Field
final List CREDENTIALS = ['tokenFileCredentialsId', 'tokenCredentialsId']

/** What the exit codes of consign mean. */
@Field
final Map MEANINGS = [
    1: 'a fault of consign',
    2: 'the input is wrong',
    3: 'denied: credentials, IAM, OIDC',
    4: 'refused by the registry',
    5: 'out of retries: network, throttling',
    6: 'a gate said no',
    127: 'consign is not on the PATH of the agent',
]

/**
 * Builds and pushes. Gives `image` (repository@digest), `digest`, `imageid`, `repository` and `tags`, a list; if it was
 * pushed to several repositories, `images` has all of them.
 */
Map call(Map parameters = [:]) {
    List variables = environmentOf(parameters)
    // Beside the workspace, as the workspace may be what is built.
    String results = pwd(tmp: true) + '/consign-' + UUID.randomUUID().toString()
    variables.add('CONSIGN_RESULTS=' + results)

    int code = 0
    withToken(parameters) {
        withEnv(variables) {
            code = sh(label: 'consign build --push', returnStatus: true, script: '''
                mkdir -p "$CONSIGN_RESULTS" &&
                exec consign build --push --properties-file "$CONSIGN_RESULTS/properties"
            ''')
        }
    }
    Map found = [:]
    if (code == 0) {
        found = propertiesIn(readFile(file: results + '/properties', encoding: 'UTF-8'))
    }
    withEnv(variables) {
        sh(label: 'remove the results of consign', script: 'rm -rf -- "$CONSIGN_RESULTS"')
    }
    if (code != 0) {
        error('consign build ended with exit code ' + code + ': ' + (MEANINGS[code] ?: 'see the log above'))
    }
    List images = found.image.tokenize(' ')
    return [
        image: images[0],
        images: images,
        digest: found.digest,
        imageid: found.imageid,
        repository: found.repository,
        tags: found.tags.tokenize(' '),
    ]
}

/** Runs `body` with the OIDC token that the parameters name, if they name one. */
void withToken(Map parameters, Closure body) {
    if (parameters.tokenFileCredentialsId && parameters.tokenCredentialsId) {
        error('consignBuildPush: give either tokenFileCredentialsId or tokenCredentialsId')
    }
    if (parameters.tokenFileCredentialsId) {
        withCredentials([
            file(credentialsId: parameters.tokenFileCredentialsId, variable: 'CONSIGN_WEB_IDENTITY_TOKEN_FILE'),
        ]) {
            body()
        }
    } else if (parameters.tokenCredentialsId) {
        withCredentials([string(credentialsId: parameters.tokenCredentialsId, variable: 'CONSIGN_ID_TOKEN')]) {
            withEnv(['CONSIGN_WEB_IDENTITY_TOKEN_ENV=CONSIGN_ID_TOKEN']) {
                body()
            }
        }
    } else {
        body()
    }
}

/** The parameters as `NAME=value`. What is null is left out. */
List environmentOf(Map parameters) {
    List variables = []
    for (String name : new ArrayList(parameters.keySet())) {
        def value = parameters[name]
        if (value == null || CREDENTIALS.contains(name)) {
            continue
        }
        if (SINGLE.containsKey(name)) {
            if (value instanceof Collection || value instanceof Map) {
                error('consignBuildPush: ' + name + ' takes one value')
            }
            variables.add(SINGLE[name] + '=' + value)
        } else if (SEVERAL.containsKey(name)) {
            variables.add(SEVERAL[name].variable + '=' + linesOf(name, value))
        } else {
            List known = CREDENTIALS + new ArrayList(SINGLE.keySet()) + new ArrayList(SEVERAL.keySet())
            error('consignBuildPush: there is no parameter `' + name + '`; there are ' + known.sort().join(', '))
        }
    }
    return variables
}

/** Several values, one a line. An element of a list or map stays one value, so it can't hold what separates values. */
String linesOf(String name, Object value) {
    List elements = []
    if (value instanceof Map) {
        for (String key : new ArrayList(value.keySet())) {
            elements.add(key + '=' + value[key])
        }
    } else if (value instanceof Collection) {
        for (Object element : new ArrayList(value)) {
            elements.add(element.toString())
        }
    } else {
        return value.toString()
    }
    for (String element : elements) {
        if (element.contains('\n') || element.contains('\r') || (SEVERAL[name].commas && element.contains(','))) {
            error('consignBuildPush: `' + element + '` of ' + name + ' has a character that separates values')
        }
    }
    return elements.join('\n')
}

/** The `name=value` lines that consign writes; no value has an escape. */
Map propertiesIn(String text) {
    Map found = [:]
    for (String line : text.split('\n')) {
        int at = line.indexOf('=')
        if (at > 0) {
            found[line.substring(0, at)] = line.substring(at + 1)
        }
    }
    return found
}
