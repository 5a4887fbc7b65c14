"""What the pages speak of: a directory, a program, a repository of Git. `docs.py` runs their commands in it."""

import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


PACKAGE = {
    "name": "web",
    "version": "1.0.0",
    "scripts": {"build": "mkdir -p dist && cp src/server.js dist/"},
}
GO = 'package main\n\nfunc main() { println("hello") }\n'
GIT = ["git", "-c", "user.name=me", "-c", "user.email=me@example.com"]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def consign(folder, *arguments):
    subprocess.run(["consign", "--quiet", *arguments], cwd=folder, check=True, capture_output=True, text=True)


def aws(*arguments):
    done = subprocess.run(["aws", "--output", "json", *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


class Sample:
    """The folders for the blocks of a page: one for all of them, unless the page shows several applications."""

    def __init__(self, outer, name, blocks):
        self.outer, self.name, self.blocks = outer, name, blocks
        prepare = getattr(self, name.removesuffix(".md").lower().replace("/", "_").replace("-", "_"), None)
        self.shared = outer / "shared"
        self.shared.mkdir()
        self.application(self.shared)
        if prepare is not None:
            prepare(self.shared)

    def folder(self, position):
        if self.name != "dockerfile.md":
            return self.shared
        return self.dockerfile_of(position)

    @staticmethod
    def application(folder):
        write(folder / "dist" / "server.js", "console.log('hello')\n")
        write(folder / "cmd" / "server" / "main.go", GO)
        write(folder / "go.mod", "module example.com/server\n\ngo 1.21\n")

    def base(self, repository, platforms="linux/amd64,linux/arm64"):
        """An image to build on, where a pull-through cache has it."""
        folder = self.outer / "base"
        write(folder / "etc" / "passwd", "root:x:0:0::/:/bin/sh\nnode:x:1000:1000::/:/bin/sh\n")
        reference = repository if ":" in repository else f"{repository}:latest"
        arguments = ["--dest", "/", "--platform", platforms, "--create-repository", "--push"]
        consign(folder, "build", ".", "--tag", reference, *arguments)

    def mirrored(self, *images):
        registry = os.environ["DOCS_REGISTRY"]
        for image in images:
            self.base(image)
        mirrors = {"docker.io": "docker-hub", "gcr.io": "gcr"}
        os.environ["CONSIGN_REGISTRY_MIRROR"] = "\n".join(f"{host}={registry}/{to}" for host, to in mirrors.items())

    # --- pages ---------------------------------------------------------------------------------------------------------

    def dockerfile(self, _folder):
        self.mirrored("docker-hub/library/node:22-slim", "docker-hub/library/python:3.13-slim", "gcr/distroless/static")
        os.environ["CONSIGN_CREATE_REPOSITORY"] = "true"

    def dockerfile_of(self, position):
        """A folder for each script of that page, with the Dockerfile that stands below it."""
        folder = self.outer / str(position)
        if folder.exists():
            return folder
        folder.mkdir()
        if self.blocks[position][0] != "sh":
            return self.site(folder)
        script = self.blocks[position][1]
        self.application(folder)
        write(folder / "package.json", json.dumps(PACKAGE))
        lock = {"name": "web", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": PACKAGE}}
        write(folder / "package-lock.json", json.dumps(lock))
        write(folder / "node_modules" / "kept", "")
        write(folder / "src" / "server.js", "console.log('hello')\n")
        write(folder / "src" / "main.py", "print('hello')\n")
        write(folder / "requirements.txt", "six==1.17.0\n")
        below = next((text for info, text in self.blocks[position + 1 :] if info.startswith("dockerfile")), "")
        if "--build-context" in script:
            below = "FROM node:22-slim AS build\nRUN npm run build\nFROM node:22-slim\nCOPY --from=build /app/dist /srv\n"
        write(folder / "Dockerfile", below.replace("COPY node_modules ./node_modules\n", ""))
        return folder

    def readme(self, folder):
        self.site(folder)

    @classmethod
    def site(cls, folder):
        """What the pages about Dockerfiles build by the first one that they show."""
        cls.application(folder)
        page = (ROOT / "docs" / "dockerfile.md").read_text()
        write(folder / "site" / "Dockerfile", re.search(r"^```dockerfile\n(.*?)^```$", page, re.M | re.S)[1])
        write(folder / "site" / "dist" / "index.html", "<p>hello\n")
        write(folder / "site" / "server", "#!/bin/sh\n")
        return folder

    def tags(self, folder):
        os.environ["CONSIGN_CREATE_REPOSITORY"] = "true"
        subprocess.run([*GIT, "init", "--quiet", "--initial-branch", "main"], cwd=folder, check=True)
        subprocess.run([*GIT, "commit", "--quiet", "--allow-empty", "--message", "first"], cwd=folder, check=True)

    def registries(self, folder):
        os.environ["CONSIGN_CREATE_REPOSITORY"] = "true"
        self.mirrored("docker-hub/library/node:22-slim")
        write(folder / "Dockerfile", "FROM node:22-slim\nCOPY dist /srv\n")

    def login(self, folder):
        consign(folder, "build", "dist", "--tag", "shop/api:1.4", "--create-repository", "--push")
        os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
        os.environ["DOCKER_CONFIG"] = str(folder / ".docker")
        # skopeo keeps its logins there.
        os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
        # The registries that the page speaks of have TLS; this one has none, and skopeo wants to be told.
        write(folder / "bin" / "skopeo", '#!/bin/sh\nsub=$1; shift\nexec /usr/bin/skopeo "$sub" --tls-verify=false "$@"\n')
        (folder / "bin" / "skopeo").chmod(0o755)

    def deploy_ecs(self, _folder):
        """A service that runs an older revision."""
        containers = [{"name": "api", "image": f"{os.environ['DOCS_REGISTRY']}/shop/api:1.3", "memory": 512}]
        aws("ecs", "create-cluster", "--cluster-name", "shop")
        aws("ecs", "register-task-definition", "--family", "shop-api", "--container-definitions", json.dumps(containers))
        service = ["--cluster", "shop", "--service-name", "api", "--task-definition", "shop-api"]
        # As many as moto says are running.
        aws("ecs", "create-service", *service, "--desired-count", "2")

    def deploy_lambda(self, _folder):
        """A function that runs another image."""
        role = aws("iam", "create-role", "--role-name", "shop-api", "--assume-role-policy-document", "{}")["Role"]["Arn"]
        image = f"ImageUri={os.environ['DOCS_REGISTRY']}/shop/api:1.3"
        function = ["--function-name", "shop-api", "--package-type", "Image", "--code", image, "--role", role]
        aws("lambda", "create-function", *function)

    def migrate_from_docker(self, folder):
        token = pathlib.Path(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text().strip()
        os.environ |= {"VERSION": "1.4.0", "ROLE": os.environ["AWS_ROLE_ARN"], "TOKEN": token}
        os.environ["CONSIGN_CREATE_REPOSITORY"] = "true"
        os.environ["DOCKER_CONFIG"] = str(folder / ".docker")
        write(folder / "Dockerfile", "FROM scratch\nCOPY dist /app\nENTRYPOINT [\"/app/server\"]\n")

    def cookbook(self, folder):
        write(folder / "Dockerfile", "FROM scratch\nCOPY dist /app\n")

    def deploy_kubernetes(self, folder):
        self.kubectl(folder / "bin" / "kubectl")

    def guide(self, folder):
        """The cluster that the page takes for granted, and a kubectl that there is no cluster for here."""
        write(folder / "dist" / "server", "#!/bin/sh\necho hello\n")
        os.environ["KUBECONFIG"] = str(folder / "kubeconfig")
        subnet = ["--resources-vpc-config", "subnetIds=subnet-1"]
        role = ["--role-arn", "arn:aws:iam::123456789012:role/eks"]
        subprocess.run(["aws", "eks", "create-cluster", "--name", "shop", *role, *subnet], check=True, capture_output=True)
        self.kubectl(folder / "bin" / "kubectl")

    @staticmethod
    def kubectl(path):
        """Takes manifests in which an image is pinned, and knows the one deployment."""
        write(
            path,
            """#!/usr/bin/env python3
import re, sys, yaml
if sys.argv[1:4] == ["apply", "-f", "-"]:
    for manifest in filter(None, yaml.safe_load_all(sys.stdin)):
        images = [container["image"] for container in manifest["spec"]["template"]["spec"]["containers"]]
        assert any(re.fullmatch(r"\\S+/\\S+@sha256:[0-9a-f]{64}", image) for image in images), images
        print(manifest["kind"].lower() + "/" + manifest["metadata"]["name"], "configured")
elif sys.argv[1:4] == ["rollout", "status", "deployment/api"]:
    print('deployment "api" successfully rolled out')
else:
    sys.exit("this stand-in does not know " + " ".join(sys.argv[1:]))
""",
        )
        path.chmod(0o755)
        os.environ["PATH"] = f"{path.parent}:{os.environ['PATH']}"
