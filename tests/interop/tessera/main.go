// Reads a log with the client and the fsck of transparency-dev's Tessera, as its operators and auditors do with theirs; and receipts,
// cosignatures and policies with transparency-dev's formats.
//
//	tessera [-authorization TEXT] [-policy FILE] [-proofs FOLDER] VERIFIER-KEY URL...
//
// Each URL is a log at some time, in the order of growth. In the folder are proofs (*.tlog-proof), each with its entry (*.entry). The
// exit status is 1 when anything is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	inclusion "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// Each ends with the first fault it finds, and fsck waits for ever once all have: one entry is wrong in a tile of each level.
const workers = 8

func main() {
	authorization := flag.String("authorization", "", "sent with each request: who reads entries may have to be somebody")
	policy := flag.String("policy", "", "a policy (C2SP tlog-policy) that every checkpoint must satisfy")
	proofs := flag.String("proofs", "", "a folder of proofs (C2SP tlog-proof)")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: tessera [-authorization TEXT] [-policy FILE] [-proofs FOLDER] VERIFIER-KEY URL...")
		os.Exit(2)
	}
	if err := run(context.Background(), flag.Arg(0), *authorization, *policy, *proofs, flag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tessera:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, vkey, authorization, policy, proofs string, urls []string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	quorum := witness.NewGroup(0)
	if policy != "" {
		octets, err := os.ReadFile(policy)
		if err != nil {
			return err
		}
		if quorum, err = witness.ParsePolicy(octets); err != nil {
			return err
		}
	}
	var before []byte
	for _, one := range urls {
		source, err := fetcher(one, authorization)
		if err != nil {
			return err
		}
		if before, err = checkLog(ctx, source, verifier, quorum, before); err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
	}
	return checkProofs(proofs, verifier, quorum)
}

func fetcher(at, authorization string) (*client.HTTPFetcher, error) {
	root, err := url.Parse(strings.TrimSuffix(at, "/") + "/")
	if err != nil {
		return nil, err
	}
	source, err := client.NewHTTPFetcher(root, nil)
	if err == nil && authorization != "" {
		source.SetAuthorizationHeader(authorization)
	}
	return source, err
}

// checkLog reads the whole log, and that it continues what it was before.
func checkLog(
	ctx context.Context, source *client.HTTPFetcher, verifier note.Verifier, quorum witness.Group, before []byte,
) ([]byte, error) {
	origin, consensus := verifier.Name(), client.UnilateralConsensus(source.ReadCheckpoint)
	tracker, err := client.NewLogStateTracker(ctx, source.ReadTile, before, verifier, origin, consensus)
	if err != nil {
		return nil, err
	}
	if before != nil {
		if _, _, _, err := tracker.Update(ctx); err != nil {
			return nil, err
		}
	}
	checkpoint, err := source.ReadCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	if !quorum.Satisfied(checkpoint) {
		return nil, errors.New("the policy is not satisfied")
	}
	if err := fsck.New(origin, verifier, source, leafHashes, fsck.Opts{N: workers}).Check(ctx); err != nil {
		return nil, err
	}
	fmt.Printf("tessera: fsck of %d entries\n", tracker.Latest().Size)
	return checkpoint, nil
}

func leafHashes(bundle []byte) ([][]byte, error) {
	read := api.EntryBundle{}
	if err := read.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(read.Entries))
	for i, entry := range read.Entries {
		hashes[i] = rfc6962.DefaultHasher.HashLeaf(entry)
	}
	return hashes, nil
}

func checkProofs(folder string, verifier note.Verifier, quorum witness.Group) error {
	if folder == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.tlog-proof"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no proofs in %s", folder)
	}
	for _, file := range files {
		if err := checkProof(file, verifier, quorum); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	fmt.Printf("tessera: %d proofs\n", len(files))
	return nil
}

func checkProof(file string, verifier note.Verifier, quorum witness.Group) error {
	octets, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(strings.TrimSuffix(file, ".tlog-proof") + ".entry")
	if err != nil {
		return err
	}
	var read proof.TLogProof
	if err := read.Unmarshal(octets); err != nil {
		return err
	}
	head, _, _, err := log.ParseCheckpoint(read.Checkpoint, verifier.Name(), verifier)
	if err != nil {
		return err
	}
	if !quorum.Satisfied(read.Checkpoint) {
		return errors.New("the policy is not satisfied")
	}
	hashes := make([][]byte, len(read.Hashes))
	for i := range read.Hashes {
		hashes[i] = read.Hashes[i][:]
	}
	hasher := rfc6962.DefaultHasher
	return inclusion.VerifyInclusion(hasher, read.Index, head.Size, hasher.HashLeaf(entry), hashes, head.Hash)
}
