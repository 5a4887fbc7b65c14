// BuildKit builds Dockerfiles: a build a line on stdin, what became of it a line on stdout, both in JSON. All of it is
// in this process, on BuildKit's own solver, its frontend for Dockerfiles, and its native snapshots. There is nothing
// that could run a command: RUN is none of its business.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/diff/apply"
	ctdmetadata "github.com/containerd/containerd/v2/core/metadata"
	ctdsnapshot "github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/diff/walking"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/cache/metadata"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/frontend"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway/forwarder"
	"github.com/moby/buildkit/session"
	containerdsnapshot "github.com/moby/buildkit/snapshot/containerd"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/moby/buildkit/util/resolver"
	"github.com/moby/buildkit/worker"
	"github.com/moby/buildkit/worker/base"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sirupsen/logrus"
	"github.com/tonistiigi/fsutil"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/grpc"
)

type question struct {
	// The folder of the Dockerfile, and its name there.
	Folder string `json:"folder"`
	File   string `json:"file"`
	// Directories: the context, and those that have names.
	Context string            `json:"context"`
	Locals  map[string]string `json:"locals"`
	// OCI layouts that `oci-layout://NAME` means.
	Layouts map[string]string `json:"layouts"`
	// The options of the frontend: target, platform, build-arg:NAME, context:NAME.
	Options map[string]string `json:"options"`
	// Where the OCI layout goes, as a tar.
	Output string `json:"output"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: builder DIRECTORY <QUESTIONS")
		os.Exit(2)
	}
	logrus.SetLevel(logrus.ErrorLevel)
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(root string) error {
	ctx := context.Background()
	controller, err := newController(ctx, root)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", filepath.Join(root, "socket"))
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	controller.Register(server)
	go server.Serve(listener)
	defer server.Stop()
	c, err := client.New(ctx, "unix://"+filepath.Join(root, "socket"))
	if err != nil {
		return err
	}
	defer c.Close()

	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			return err
		}
		answer := map[string]string{}
		if err := build(ctx, c, q); err != nil {
			answer["error"] = err.Error()
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return in.Err()
}

func build(ctx context.Context, c *client.Client, q question) error {
	mounts := map[string]fsutil.FS{}
	folders := map[string]string{"context": q.Context, "dockerfile": q.Folder}
	for name, folder := range q.Locals {
		folders[name] = folder
	}
	for name, folder := range folders {
		fs, err := fsutil.NewFS(folder)
		if err != nil {
			return err
		}
		mounts[name] = fs
	}
	stores := map[string]content.Store{}
	for name, folder := range q.Layouts {
		store, err := local.NewStore(folder)
		if err != nil {
			return err
		}
		stores[name] = store
	}
	options := map[string]string{"filename": q.File}
	for name, value := range q.Options {
		options[name] = value
	}
	output := func(map[string]string) (io.WriteCloser, error) { return os.Create(q.Output) }
	_, err := c.Solve(ctx, nil, client.SolveOpt{
		Frontend:      "dockerfile.v0",
		FrontendAttrs: options,
		LocalMounts:   mounts,
		OCIStores:     stores,
		Exports:       []client.ExportEntry{{Type: client.ExporterOCI, Output: output}},
	}, nil)
	return err
}

func newController(ctx context.Context, root string) (*control.Controller, error) {
	sessions, err := session.NewManager()
	if err != nil {
		return nil, err
	}
	options, err := workerOptions(root)
	if err != nil {
		return nil, err
	}
	w, err := base.NewWorker(ctx, options)
	if err != nil {
		return nil, err
	}
	workers := &worker.Controller{}
	if err := workers.Add(w); err != nil {
		return nil, err
	}
	cache, err := bboltcachestorage.NewStore(filepath.Join(root, "cache.db"))
	if err != nil {
		return nil, err
	}
	history, err := boltutil.SafeOpen(filepath.Join(root, "history.db"), 0o600, nil)
	if err != nil {
		return nil, err
	}
	return control.NewController(control.Opt{
		SessionManager:   sessions,
		WorkerController: workers,
		Frontends: map[string]frontend.Frontend{
			"dockerfile.v0": forwarder.NewGatewayForwarder(workers.Infos(), dockerfile.Build),
		},
		CacheManager:   solver.NewCacheManager(ctx, "local", cache, worker.NewCacheResultStorage(workers)),
		HistoryDB:      history,
		CacheStore:     cache,
		LeaseManager:   w.LeaseManager(),
		ContentStore:   w.ContentStore(),
		GarbageCollect: w.GarbageCollect,
		GracefulStop:   ctx.Done(),
	})
}

// As BuildKit's worker for runc has them, without what runs containers.
func workerOptions(root string) (base.WorkerOpt, error) {
	var none base.WorkerOpt
	snapshots, err := native.NewSnapshotter(filepath.Join(root, "snapshots"))
	if err != nil {
		return none, err
	}
	blobs, err := local.NewStore(filepath.Join(root, "content"))
	if err != nil {
		return none, err
	}
	db, err := boltutil.Open(filepath.Join(root, "containerd.db"), 0o600, &bolt.Options{NoFreelistSync: true})
	if err != nil {
		return none, err
	}
	mdb := ctdmetadata.NewDB(db, blobs, map[string]ctdsnapshot.Snapshotter{"native": snapshots})
	if err := mdb.Init(context.Background()); err != nil {
		return none, err
	}
	md, err := metadata.NewStore(filepath.Join(root, "metadata.db"))
	if err != nil {
		return none, err
	}
	store := containerdsnapshot.NewContentStore(mdb.ContentStore(), "buildkit")
	return base.WorkerOpt{
		ID:              "judge",
		Root:            root,
		MetadataStore:   md,
		ContentMetadata: db,
		Snapshotter:     containerdsnapshot.NewSnapshotter("native", mdb.Snapshotter("native"), "buildkit", nil),
		ContentStore:    store,
		Applier:         apply.NewFileSystemApplier(store),
		Differ:          walking.NewWalkingDiff(store),
		// Those of a loopback address are asked over plain HTTP.
		RegistryHosts:  resolver.NewRegistryConfig(nil),
		Platforms:      []ocispecs.Platform{platforms.Normalize(platforms.DefaultSpec())},
		LeaseManager:   leaseutil.WithNamespace(ctdmetadata.NewLeaseManager(mdb), "buildkit"),
		GarbageCollect: mdb.GarbageCollect,
		MountPoolRoot:  filepath.Join(root, "cachemounts"),
	}, nil
}
