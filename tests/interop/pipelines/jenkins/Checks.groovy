import static com.lesfurets.jenkins.unit.global.lib.LibraryConfiguration.library
import static com.lesfurets.jenkins.unit.global.lib.LocalSource.localSource

import com.lesfurets.jenkins.unit.cps.PipelineTestHelperCPS
import java.nio.file.Files
import java.nio.file.Path

/*
 * The pipelines of pipelines/jenkins, run by JenkinsPipelineUnit as Jenkins runs them, in small steps with the state
 * written and read back after each (CPS), and with the steps of Agent.groovy:
 *
 *   groovy.ui.GroovyMain Checks.groovy CHECK
 *
 * The environment: WORK, a directory with `pipelines` (a copy of pipelines/jenkins), `library/consign@1` (another),
 * `token` and `variables` (NAME=value lines, what the agent was started with).
 */

work = Path.of(System.getenv('WORK'))

/** An agent with a workspace of its own, in which there is an application. */
Agent newAgent(Map<String, String> variables = [:]) {
    Path home = Files.createTempDirectory(work, 'agent')
    Path workspace = Files.createDirectories(home.resolve('workspace'))
    Files.createDirectories(workspace.resolve('dist/lib'))
    Files.writeString(workspace.resolve('dist/server.js'), 'console.log("hello")\n')
    Files.writeString(workspace.resolve('dist/lib/util.js'), 'exports.answer = 42\n')
    Map<String, String> started = [BUILD_NUMBER: '7', HOME: home.toString(), WORKSPACE: workspace.toString()]
    work.resolve('variables').eachLine { line -> started[line.split('=', 2)[0]] = line.split('=', 2)[1] }
    started.putAll(variables)
    def agent = new Agent(
        workspace: workspace,
        temporary: home.resolve('workspace@tmp'),
        started: started,
        credentials: ['aws-oidc': Files.readString(work.resolve('token')), 'aws-text': Files.readString(work.resolve('token'))],
        user: ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '--no-new-privs', '--'],
    )
    assert ['chown', '-R', 'nobody:nogroup', home.toString()].execute().waitFor() == 0
    return agent
}

/** Runs a Jenkinsfile on an agent. */
void run(Agent agent, Path file, Closure more = {}) {
    def helper = new PipelineTestHelperCPS()
    helper.scriptRoots = [file.parent.toString()] as String[]
    helper.scriptExtension = ''
    helper.baseScriptRoot = file.parent.toString()
    helper.baseClassloader = this.class.classLoader
    String versions = work.resolve('library')
    helper.registerSharedLibrary(library().name('consign').retriever(localSource(versions)).targetPath(versions)
        .defaultVersion('1').allowOverride(true).implicit(false).build())
    Env.agent = agent
    def env = new Env()
    def step = { String name, List<Class> types, Closure body -> helper.registerAllowedMethod(name, types, body) }

    // What a declarative pipeline is made of.
    ['pipeline', 'stages', 'steps', 'script'].each { name -> step(name, [Closure]) { Closure body -> helper.callClosure(body) } }
    step('stage', [String, Closure]) { String name, Closure body -> helper.callClosure(body) }
    step('agent', [Object]) { assert it == 'any' }
    step('environment', [Closure]) { Closure body ->
        Map<String, Object> assigned = [env: env]
        body.delegate = assigned
        body.resolveStrategy = Closure.DELEGATE_FIRST
        helper.callClosure(body)
        assigned.remove('env')
        assigned.each { name, value -> agent.environment[name] = value.toString() }
    }

    // Steps.
    step('sh', [String]) { String script -> agent.sh(script: script) }
    step('sh', [Map]) { Map arguments -> agent.sh(arguments) }
    step('withEnv', [List, Closure]) { List pairs, Closure body -> agent.withEnv(pairs) { helper.callClosure(body) } }
    step('withCredentials', [List, Closure]) { List bindings, Closure body ->
        agent.withCredentials(bindings) { helper.callClosure(body) }
    }
    step('file', [Map]) { Map arguments -> [kind: 'file'] + arguments }
    step('string', [Map]) { Map arguments -> [kind: 'string'] + arguments }
    step('pwd', [Map]) { Map arguments -> assert arguments == [tmp: true]; agent.temporary.toString() }
    step('readFile', [Map]) { Map arguments -> agent.readFile(arguments) }
    step('readProperties', [Map]) { Map arguments -> agent.readProperties(arguments) }
    step('readJSON', [Map]) { Map arguments -> agent.readJSON(arguments) }
    step('echo', [String]) { String text -> agent.say(text) }
    step('unstable', [String]) { String text -> agent.say('unstable: ' + text) }
    step('error', [String]) { String text -> throw new BuildFailed(text) }

    more(helper)
    helper.init()
    helper.runScript(file.fileName.toString(), new Binding([env: env, any: 'any', params: [:], out: null]))
}

/** `env`: reads all variables, and sets those of the build. Scripts are kept on disk, and it with them. */
class Env implements Serializable {
    /** The agent of the pipeline that runs. */
    static Agent agent

    def getProperty(String name) { return agent.variables()[name] }

    void setProperty(String name, Object value) { agent.environment[name] = value.toString() }
}

/** Calls the step of the library with `parameters`, and gives what it gives. */
Map step(Agent agent, Map parameters, String version = '1') {
    Path file = Files.createTempDirectory(work, 'script').resolve('step.groovy')
    Files.writeString(file, "@Library('consign@${version}') _\ntake(consignBuildPush(given()))\n".toString())
    Map taken = null
    run(agent, file) { helper ->
        helper.registerAllowedMethod('given', []) { parameters }
        helper.registerAllowedMethod('take', [Map]) { Map result -> taken = result }
    }
    return taken
}

/** What a build ended with, as the text of its error. */
String failure(Closure build) {
    try {
        build()
    } catch (BuildFailed failed) {
        return failed.message
    }
    throw new AssertionError('it did not fail')
}

/** The digest of what is in the workspace, as somebody else would build it. */
String digestOf(Agent agent, String folder) {
    def process = ['consign', '--quiet', 'build', folder].execute(null, agent.workspace.toFile())
    String digest = process.text.trim()
    assert process.waitFor() == 0 && digest.startsWith('sha256:')
    return digest
}

/** Nothing is left but what was there, and no secret was said. */
void leftNothing(Agent agent) {
    List left = []
    agent.temporary.eachFileRecurse { if (Files.isRegularFile(it) || it.fileName.toString().startsWith('consign-')) left << it }
    assert left == []
    assert !agent.log.toString().contains(agent.credentials['aws-oidc'])
}

role = 'arn:aws:iam::123456789012:role/ci'
usual = [context: 'dist', tags: ['shop/api:7'], roleToAssume: role, region: 'eu-west-1', tokenFileCredentialsId: 'aws-oidc']

checks = [
    // Each of the two files as it stands: the last stage sees the digest that the first one pushed.
    files: {
        ['Jenkinsfile', 'plain.Jenkinsfile'].each { name ->
            def agent = newAgent()
            run(agent, work.resolve('pipelines').resolve(name))
            String digest = digestOf(agent, 'dist')
            assert agent.environment.IMAGE.endsWith("/shop/api@${digest}")
            String deployed = agent.log.substring(agent.log.lastIndexOf('+ consign inspect'))
            assert deployed.contains(digest) && deployed.contains('/shop/api@')
            assert agent.log.contains("/shop/api:7 is now ${digest}") || agent.log.contains("/shop/api:7 already is ${digest}")
            leftNothing(agent)
        }
    },
    // The examples of docs/jenkins.md, as they stand.
    page: {
        Map variables = [CONSIGN_ROLE_TO_ASSUME: role, AWS_REGION: 'eu-west-1']
        def agent = newAgent()
        run(agent, work.resolve('page/library.groovy'))
        assert agent.log.toString().trim().endsWith("/shop/api@${digestOf(agent, 'dist')}")
        agent = newAgent(variables)
        run(agent, work.resolve('page/plain.groovy'))
        assert agent.workspace.resolve('consign.properties').text.contains("digest=${digestOf(agent, 'dist')}\n")
        agent = newAgent(variables + [CONSIGN_CONTEXT: 'dist', CONSIGN_TAG: 'shop/absent:1'])
        agent.started.CONSIGN_WEB_IDENTITY_TOKEN_FILE = work.resolve('token').toString()
        assert failure { run(agent, work.resolve('page/codes.groovy')) } == 'consign ended with exit code 4'
        agent.started.putAll([AWS_ENDPOINT_URL_ECR: 'http://127.0.0.1:1', CONSIGN_RETRY_MAX_ATTEMPTS: '2'])
        run(agent, work.resolve('page/codes.groovy'))
        assert agent.log.contains('unstable: AWS could not be reached')
    },
    // The map that the step gives; the token as a text instead of a file.
    result: {
        def agent = newAgent()
        Map pushed = step(agent, usual + [tags: "shop/api:7\nshop/api:latest"] - [tokenFileCredentialsId: 'aws-oidc'] +
            [tokenCredentialsId: 'aws-text', labels: [a: 'x, y', b: 2]])
        assert pushed.keySet() == ['image', 'images', 'digest', 'imageid', 'repository', 'tags'] as Set
        assert pushed.repository.endsWith('/shop/api')
        assert pushed.image == pushed.repository + '@' + pushed.digest
        assert pushed.images == [pushed.image]
        assert pushed.tags == [pushed.repository + ':7', pushed.repository + ':latest']
        assert pushed.digest ==~ /sha256:[0-9a-f]{64}/ && pushed.imageid ==~ /sha256:[0-9a-f]{64}/
        // Jenkins keeps what a script holds on disk.
        new ObjectOutputStream(new ByteArrayOutputStream()).writeObject(pushed)
        leftNothing(agent)
    },
    // The whole workspace as the context, twice: the results of the first build are in no image.
    workspace: {
        def agent = newAgent()
        String digest = digestOf(agent, '.')
        2.times { assert step(agent, usual + [context: '.']).digest == digest }
        leftNothing(agent)
    },
    // Jenkins writes the state of a script to disk at every step; so does this, and a library that holds what can't be
    // written is found out.
    interruptible: {
        Path library = work.resolve('library/consign@held/vars/consignBuildPush.groovy')
        Files.createDirectories(library.parent)
        String text = work.resolve('pipelines/vars/consignBuildPush.groovy').text
        String holding = text.replace('    int code = 0\n', '    int code = 0\n    def held = new Object()\n')
        assert holding != text
        Files.writeString(library, holding)
        Throwable cause = null
        try {
            step(newAgent(), usual, 'held')
        } catch (Exception error) {
            cause = error
        }
        while (cause?.cause) {
            cause = cause.cause
        }
        assert cause instanceof NotSerializableException
        step(newAgent(), usual)
    },
    // The user of the agent, who is not root and owns nothing else, did all of it.
    user: {
        def agent = newAgent()
        agent.sh(script: 'id -u; grep NoNewPrivs /proc/self/status; ! command -v docker || ! docker version')
        assert agent.log.contains('\n65534\n')
        step(agent, usual)
        def owners = agent.workspace.parent.toFile().listFiles().collect { Files.getOwner(it.toPath()).name }.unique()
        assert owners == ['nobody']
    },
    // A value is a value. A recorder in the place of consign tells what reaches it.
    hostile: {
        def agent = newAgent()
        Path tools = Files.createDirectories(agent.workspace.resolve('tools'))
        Path recorder = tools.resolve('consign')
        Files.writeString(recorder, """#!/bin/bash
            env -0 >"\$WORKSPACE/seen"
            printf 'image=i@d\\ndigest=d\\nimageid=x\\nrepository=i\\ntags=i:1\\n' >"\$CONSIGN_RESULTS/properties"
        """.stripIndent().trim())
        recorder.toFile().setExecutable(true, false)
        agent.started.PATH = "${tools}:${agent.started.PATH}".toString()
        Path pwned = agent.workspace.resolve('pwned')
        List hostile = [
            "\$(touch ${pwned})", "`touch ${pwned}`", "'; touch ${pwned}; '", "\"; touch ${pwned}; \"", "x; touch ${pwned}",
            "\${new File('${pwned}').createNewFile()}", '$BUILD_NUMBER ${BUILD_NUMBER} $$', 'a b  c', '*', '~', '--help', '\\n\\',
            'x\ty', 'ü\u2028', ' x ', '=', 'a=b', '',
        ]*.toString()
        def script = new GroovyClassLoader(this.class.classLoader)
            .parseClass(work.resolve('pipelines/vars/consignBuildPush.groovy').toFile()).getDeclaredConstructor().newInstance()
        Map single = script.SINGLE
        Map several = script.SEVERAL.collectEntries { name, rules -> [name, rules.variable] }
        assert single.size() > 15 && several.size() > 5
        hostile.each { value ->
            Map parameters = (single.keySet() + several.keySet()).collectEntries { [it, value] }
            several.keySet().each { name -> parameters[name] = [value, 'second'] }
            step(agent, parameters)
            Map seen = agent.workspace.resolve('seen').text.split('\0').collectEntries { it.split('=', 2) as List }
            single.each { name, variable -> assert seen[variable] == value: name }
            several.each { name, variable -> assert seen[variable] == value + '\nsecond': name }
            assert !Files.exists(pwned): value
        }
        // The same in the credentials' IDs.
        hostile.findAll().each { value ->
            assert failure { step(agent, usual + [tokenFileCredentialsId: value]) }.contains(value)
        }
        // And with consign itself, in a context that has such a name.
        agent = newAgent()
        String name = "\$(touch pwned)'; touch pwned #"
        Files.move(agent.workspace.resolve('dist'), agent.workspace.resolve(name))
        assert step(agent, usual + [context: name]).digest == digestOf(agent, name)
        assert !Files.exists(agent.workspace.resolve('pwned'))
    },
    // What is not meant is not done.
    mistakes: {
        def agent = newAgent()
        Closure error = { Map change -> failure { step(agent, usual + change) } }
        assert error([tgas: 'x']).contains('there is no parameter `tgas`')
        assert error([tags: ['shop/api:1,evil/api:1']]).contains('separates values')
        assert error([tags: ["shop/api:1\nevil/api:1"]]).contains('separates values')
        assert error([labels: [a: "x\nb=y"]]).contains('separates values')
        assert error([context: ['dist']]).contains('context takes one value')
        assert error([tokenCredentialsId: 'aws-text']).contains('either')
        assert agent.log.length() == 0
        step(agent, usual + [labels: [a: 'x,y'], base: null])
    },
    // The build says what an exit code means.
    codes: {
        def agent = newAgent()
        Closure error = { Map change -> failure { step(agent, usual + change) } }
        assert error([context: 'absent']) == 'consign build ended with exit code 2: the input is wrong'
        assert error([roleToAssume: role + 's']) == 'consign build ended with exit code 3: denied: credentials, IAM, OIDC'
        assert error([tags: ['shop/absent:1']]) == 'consign build ended with exit code 4: refused by the registry'
        leftNothing(agent)
        agent = newAgent([AWS_ENDPOINT_URL_ECR: 'http://127.0.0.1:1', AWS_MAX_ATTEMPTS: '2', CONSIGN_RETRY_MAX_ATTEMPTS: '2'])
        assert error([:]) == 'consign build ended with exit code 5: out of retries: network, throttling'
        agent = newAgent([PATH: '/usr/bin:/bin'])
        assert error([:]) == 'consign build ended with exit code 127: consign is not on the PATH of the agent'
    },
]
def chosen = checks[args[0]]
assert chosen: "there is no check `${args[0]}`; there are ${checks.keySet()}"
chosen()
