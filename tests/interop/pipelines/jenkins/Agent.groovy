import groovy.json.JsonSlurper
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.attribute.PosixFilePermissions

/**
 * An agent: steps of Jenkins that do what they do there, to real files and real processes, as an unprivileged user.
 */
class Agent {
    final Path workspace
    /** The folder beside the workspace, which `pwd(tmp: true)` gives. */
    final Path temporary
    /** What the agent was started with. */
    final Map<String, String> started
    /** Credentials by their ID: OIDC tokens. */
    final Map<String, String> credentials
    /** Command that becomes another user. */
    final List<String> user
    /** What `environment` of a declarative pipeline and `env.NAME =` set. */
    final Map<String, String> environment = [:]
    /** What surrounding steps set, the innermost last. */
    final List<Map<String, String>> around = []
    /** Texts that must not be in the log. */
    final Set<String> masked = []
    final StringBuilder log = new StringBuilder()

    Agent(Map arguments) {
        workspace = arguments.workspace
        temporary = arguments.temporary
        started = arguments.started
        credentials = arguments.credentials
        user = arguments.user
    }

    /** Every variable that a process gets. */
    Map<String, String> variables() {
        Map<String, String> all = new LinkedHashMap<>(started)
        all.putAll(environment)
        around.each { all.putAll(it) }
        return all
    }

    def within(Map<String, String> variables, Closure body) {
        around.add(variables)
        try {
            return body()
        } finally {
            around.remove(around.size() - 1)
        }
    }

    /** `withEnv`: EnvStep splits at the first `=` and takes the value as it is. */
    def withEnv(List pairs, Closure body) {
        Map<String, String> variables = [:]
        pairs.each { pair ->
            String text = pair.toString()
            int at = text.indexOf('=')
            assert at > 0 && !text.substring(0, at).contains('+'): text
            variables[text.substring(0, at)] = text.substring(at + 1)
        }
        return within(variables, body)
    }

    /** `withCredentials`: the secret is there for the body alone, and masked. */
    def withCredentials(List bindings, Closure body) {
        Map<String, String> variables = [:]
        List<Path> files = []
        bindings.each { binding ->
            String secret = credentials[binding.credentialsId]
            if (secret == null) {
                throw new BuildFailed("Could not find credentials entry with ID '${binding.credentialsId}'")
            }
            if (binding.kind == 'file') {
                Path folder = Files.createDirectories(temporary.resolve('secretFiles'))
                Path file = Files.createTempFile(folder, 'secret', '')
                Files.writeString(file, secret)
                Files.setPosixFilePermissions(file, PosixFilePermissions.fromString('rw-------'))
                own(folder, file)
                files.add(file)
                variables[binding.variable] = file.toString()
            } else {
                variables[binding.variable] = secret
            }
            masked.add(secret)
        }
        try {
            return within(variables, body)
        } finally {
            files.each { Files.delete(it) }
        }
    }

    /** Gives paths to the user of the agent. */
    void own(Path... paths) {
        paths.each { path ->
            Files.setOwner(path, workspace.fileSystem.userPrincipalLookupService.lookupPrincipalByName('nobody'))
        }
    }

    /** `sh`: the script goes to a file that `sh -xe` runs; see BourneShellScript of the durable-task plugin. */
    def sh(Map arguments) {
        Map known = [script: 0, label: 0, returnStatus: 0, returnStdout: 0]
        assert known.keySet().containsAll(arguments.keySet()): arguments
        Path script = Files.createTempFile(Files.createDirectories(temporary), 'script', '.sh')
        Files.writeString(script, arguments.script)
        own(temporary, script)
        def builder = new ProcessBuilder(user + ['sh', '-xe', script.toString()])
        builder.directory(workspace.toFile())
        builder.environment().clear()
        builder.environment().putAll(variables())
        builder.redirectErrorStream(!arguments.returnStdout)
        def process = builder.start()
        process.outputStream.close()
        String output = process.inputStream.text
        say(output)
        int code = process.waitFor()
        Files.delete(script)
        if (arguments.returnStatus) {
            return code
        }
        if (code != 0) {
            throw new BuildFailed("script returned exit code ${code}")
        }
        return arguments.returnStdout ? output : null
    }

    void say(String text) {
        log << masked.inject(text) { shown, secret -> shown.replace(secret, '****') }
        if (!text.endsWith('\n')) {
            log << '\n'
        }
    }

    String readFile(Map arguments) {
        return Files.readString(workspace.resolve(arguments.file))
    }

    /** Pipeline Utility Steps: https://plugins.jenkins.io/pipeline-utility-steps/ */
    Map readProperties(Map arguments) {
        Properties properties = new Properties()
        properties.load(new StringReader(readFile(arguments)))
        return new TreeMap(properties)
    }

    Object readJSON(Map arguments) {
        return new JsonSlurper().parseText(readFile(arguments))
    }
}
