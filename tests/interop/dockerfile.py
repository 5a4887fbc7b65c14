#!/usr/bin/env python3
"""Asks two programs the same questions about Dockerfiles, and shows where they answer differently.

  dockerfile.py JUDGE VIEW FOLDER [--words N] [--files N] [--seed N]

JUDGE is dockerfile-judge (BuildKit), VIEW is dockerfile-view (consign). FOLDER holds `good/` and `bad/`. The questions:
each file of the folder as instructions, as an image and as findings; N words with variables, quotes and escapes in
them; N files that are put together from odd pieces. The last line is `N compared, N differ`.
"""
import argparse, json, pathlib, random, re, subprocess, sys

BASE_ENV = {"PATH": "/bin:/usr/bin", "FROM_BASE": "yes"}

# Where the two are allowed to differ, with the reason. Each entry takes a question and both answers.
EXPLAINED = [
    ("BuildKit reads the bytes of a flag one by one and so spoils what is not ASCII in it",
     lambda q, judge, view: q["kind"] in ("parse", "build", "lint") and any(
         w.startswith("--") and not w.isascii() for w in q["text"].split())),
    ("BuildKit gives up at lines of 64 KiB",
     lambda q, judge, view: "greater than max allowed size" in judge.get("error", "")),
    ("consign refuses variables that are nested more than 100 levels deep",
     lambda q, judge, view: "levels deep" in view.get("error", "")),
    ("BuildKit takes the text of COPY --from of an image only apart when it fetches the image",
     lambda q, judge, view: q["kind"] == "parse" and "error" not in judge and "bad name" in view.get("error", "")),
]


def ask(program, questions):
    lines = "".join(json.dumps(q) + "\n" for q in questions)
    done = subprocess.run([program], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(answers) == len(questions), (len(answers), len(questions))
    return answers


def normal(question, answer):
    """An answer without what is no difference: the words of errors, order where it has no meaning."""
    if "error" in answer:
        return {"error": "panic" if answer["error"].startswith("panic") else "refused"}
    answer = json.loads(json.dumps(answer))
    if question["kind"] == "build":
        config = answer["config"]
        for name in [name for name, value in config.items() if value in (None, "", [], {}) and name != "Entrypoint"]:
            del config[name]
        config.pop("ArgsEscaped", None)
        config["Env"] = sorted(config.get("Env", []))
        if not config.get("Entrypoint"):
            config.pop("Entrypoint", None)
    return answer


PIECES = ["a", "b c", "x", "é", "$", "$$", "\\", "`", "'", '"', "{", "}", "${", "}", " ", "\t", "/", "*", "?", "[", "]",
          "#", "##", "%", "%%", "-", ":-", "+", ":+", ":?", "?", "//", "<", "<<", "=", "$A", "$B", "${A}", "${B}",
          "${E}", "$U", "${U}", "${A:-x}", "${U:-y z}", "${E:-w}", "${U-v}", "${A:+p}", "${E+q}", "${A#a}", "${P##*/}",
          "${P%.*}", "${P%%.*}", "${P/a/b}", "${P//a/b}", "${S}", "1", "$1", "_", ".", "\\$", "\\}", "\\/", "\\*", "$D",
          "${D//a/$D}", "(", ")", "|", "^", "$0", "~", "&", "0"]
ENV = {"A": "abc", "B": "b c", "E": "", "P": "/usr/lib/a.tar.gz", "S": " lead trail ", "D": "a$1b$0c${0}d\\$", "_": "u",
       "Q": "it's \"q\"", "N": "one\ntwo", "G": "*a?", "é": "accent"}


def words(count, rng):
    for _ in range(count):
        text = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 9)))
        if rng.random() < 0.5:
            # Something that is well formed more often.
            name = rng.choice(list(ENV) + ["U"])
            sign = rng.choice([":-", "-", ":+", "+", ":?", "?", "#", "##", "%", "%%", "/", "//", ":", ":#", ""])
            inner = "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 4)))
            more = "/" + rng.choice(PIECES) if sign in ("/", "//") else ""
            text = rng.choice(["", '"', "x"]) + "${" + name + sign + inner + more + "}" + rng.choice(["", '"', "y z"])
        flag = lambda chance: rng.random() < chance
        yield {"kind": "word", "text": text, "env": ENV, "escape": rng.choice(["\\", "\\", "`"]),
               "keep_quotes": flag(0.2), "keep_escapes": flag(0.2), "ignore_quotes": flag(0.15), "keep_unset": flag(0.2)}


LINES = ["FROM alpine", "FROM scratch AS S%d", "FROM a%d", "ARG A=1", "ARG B", "ARG C=$A\\ x D='e f'", "ENV A=1 B=\"x y\" C=$A",
         "ENV X y z", "LABEL a=b \"c d\"='e'", "LABEL x y", "WORKDIR /a/$A", "WORKDIR b", "USER $A:${B:-0}", "EXPOSE 80 $A/udp",
         "EXPOSE 1-3 2:4", "VOLUME /v [\"x\"]", "VOLUME [\"/a\", \"b\"]", "CMD a b", "CMD [\"a\", \"b\"]", "ENTRYPOINT [\"x\"]",
         "ENTRYPOINT", "RUN a <<X\nx $A\nX", "RUN --mount=type=cache,target=/x a", "RUN --network=host a \\\n  b",
         "COPY a b", "COPY --from=0 a b", "COPY --from=a%d --chown=$A x y", "COPY --link --parents a/./b c/", "COPY <<X <<-'Y' /d/\n$A\nX\n\t$A\n\tY",
         "ADD http://example.com/x /y", "ADD --checksum=$A a b", "SHELL [\"s\", \"-c\"]", "STOPSIGNAL $A", "STOPSIGNAL TERM",
         "HEALTHCHECK --retries=3 CMD x", "HEALTHCHECK NONE", "ONBUILD COPY a b", "ONBUILD RUN x", "MAINTAINER me",
         "# comment", "#", "", "\\", "# check=skip=all", "COPY [\"a\", \"b c\"]", "COPY [a, b]", "FROM --platform=$X alpine",
         "from alpine as x%d", "Env a=b", "CMD", "RUN", "BAD x", "COPY a", "ENV", "ENV =x", "ARG =", "USER", "LABEL a", "FROM a b",
         "COPY --nope a b", "CMD [1]", "EXPOSE x", "HEALTHCHECK", "ONBUILD", "ONBUILD FROM a", "SHELL x", "VOLUME"]
ENDS = ["", "", "", "", " ", "\\", " \\", "`", "'", '"', "$", "${", "\r", " # x", " $A", " \"$B\"", "\t"]


def files(count, rng):
    for _ in range(count):
        body = [rng.choice(LINES[:40]) if rng.random() < 0.97 else rng.choice(LINES) for _ in range(rng.randint(1, 9))]
        if rng.random() < 0.8:
            body.insert(0, rng.choice(["FROM alpine", "FROM scratch", "FROM alpine AS a1", "ARG A=2\nFROM alpine"]))
        if rng.random() < 0.2:
            body.insert(0, rng.choice(["# escape=`", "# syntax=x", "#check=skip=UndefinedVar", "\ufeff# c"]))
        body = [line % rng.randint(1, 3) if "%d" in line else line for line in body]
        text = "\n".join(line + (rng.choice(ENDS) if rng.random() < 0.15 else "") for line in body) + rng.choice(["", "\n"])
        for kind in ("parse", "build", "lint"):
            yield {"kind": kind, "text": text, "env": BASE_ENV, "args": {}}


def corpus(folder):
    for path in sorted(folder.glob("*/*.Dockerfile")):
        if path.stem == "doubled-values":
            # BuildKit has no limit for what variables add up to, and takes all the memory that there is.
            continue
        text = path.read_bytes().decode()
        args = dict(re.findall(r"^# build-arg: (\w+)=(.*)$", text, re.M))
        for kind in ("parse", "build", "lint"):
            yield {"kind": kind, "text": text, "env": BASE_ENV, "args": args, "file": str(path)}


def main():
    parser = argparse.ArgumentParser()
    for name in ("judge", "view", "folder"):
        parser.add_argument(name)
    for name, default in (("--words", 20000), ("--files", 3000), ("--seed", 1), ("--show", 20)):
        parser.add_argument(name, type=int, default=default)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    questions = list(corpus(pathlib.Path(options.folder)))
    assert len(questions) >= 200, "the corpus is missing"
    questions += list(words(options.words, rng)) + list(files(options.files, rng))
    judged, viewed = ask(options.judge, questions), ask(options.view, questions)
    differ, explained, refused, panics = [], {}, 0, 0
    for question, judge, view in zip(questions, judged, viewed):
        refused += "error" in judge
        if judge.get("error", "").startswith("panic"):
            panics += 1
        if normal(question, judge) == normal(question, view):
            continue
        reason = next((why for why, applies in EXPLAINED if applies(question, judge, view)), None)
        if reason:
            explained[reason] = explained.get(reason, 0) + 1
        else:
            differ.append((question, judge, view))
    for question, judge, view in sorted(differ, key=lambda it: len(it[0]["text"]))[: options.show]:
        print(json.dumps({k: v for k, v in question.items() if k != "env" and v}, ensure_ascii=False))
        print("  judge:", json.dumps(judge, ensure_ascii=False))
        print("  view: ", json.dumps(view, ensure_ascii=False))
    for reason, count in explained.items():
        print(f"explained {count}: {reason}")
    print(f"{refused} refused by the judge, on {panics} it panicked")
    print(f"{len(questions)} compared, {len(differ)} differ")
    sys.exit(1 if differ else 0)


main()
