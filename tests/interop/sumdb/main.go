// Reads a log as a stranger does: with the Go project's own client for such logs (sumdb/note, sumdb/tlog) and with the verifier of
// transparency-dev, neither of which knows anything of the program that wrote it.
//
//	sumdb [-authorization TEXT] [-remember FILE] VERIFIER-KEY URL...
//
// Each URL is a log at some time, in the order of growth; the last checkpoint is remembered for the next time. Everything is read and checked: the signature of the checkpoint, every tile
// against it, every entry against the tiles, proofs of inclusion and of consistency. The exit status is 1 when anything is wrong.
package main

import (
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // of tiles: C2SP tlog-tiles

func main() {
	authorization := flag.String("authorization", "", "sent with each request: who reads entries may have to be somebody")
	remember := flag.String("remember", "", "file of the last checkpoint that was seen, which the log must continue")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: sumdb [-authorization TEXT] [-remember FILE] VERIFIER-KEY URL...")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *authorization, *remember, flag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sumdb:", err)
		os.Exit(1)
	}
}

func run(vkey, authorization, remember string, urls []string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	before, err := remembered(remember, verifier)
	if err != nil {
		return err
	}
	for _, url := range urls {
		log := &log{url: url, authorization: authorization, saved: map[tlog.Tile][]byte{}}
		if err := log.open(verifier); err != nil {
			return fmt.Errorf("%s: %w", url, err)
		}
		if err := log.check(before); err != nil {
			return fmt.Errorf("%s: %w", url, err)
		}
		before = log.tree
		if remember != "" {
			if err := os.WriteFile(remember, log.note, 0o600); err != nil {
				return err
			}
		}
		fmt.Printf("sumdb: %d entries, %d proofs, %d tiles and bundles read\n", log.tree.N, log.proofs, log.read)
	}
	return nil
}

func remembered(file string, verifier note.Verifier) (tlog.Tree, error) {
	octets, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return tlog.Tree{}, nil
	}
	if err != nil {
		return tlog.Tree{}, err
	}
	return read(octets, verifier)
}

type log struct {
	url, authorization string
	note               []byte
	tree               tlog.Tree
	saved              map[tlog.Tile][]byte
	proofs, read       int
}

func (l *log) open(verifier note.Verifier) (err error) {
	if l.note, err = l.get("checkpoint"); err == nil {
		l.tree, err = read(l.note, verifier)
	}
	return err
}

// read is for a checkpoint: origin, size and root.
func read(octets []byte, verifier note.Verifier) (tree tlog.Tree, err error) {
	opened, err := note.Open(octets, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("not a checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || copy(tree.Hash[:], root) != tlog.HashSize {
		return tree, fmt.Errorf("not a root: %q", lines[2])
	}
	return tree, nil
}

func (l *log) check(before tlog.Tree) error {
	hashes := tlog.TileHashReader(l.tree, l) // checks every tile against the root before it uses a hash of it
	if err := l.checkEntries(hashes); err != nil {
		return err
	}
	for _, index := range corners(l.tree.N) {
		if err := l.checkInclusion(index, hashes); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	for _, size := range corners(l.tree.N) {
		root, err := tlog.TreeHash(size+1, hashes)
		if err != nil {
			return err
		}
		if err := l.checkConsistency(tlog.Tree{N: size + 1, Hash: root}, hashes); err != nil {
			return fmt.Errorf("first %d: %w", size+1, err)
		}
	}
	if before.N == 0 {
		return nil
	}
	return l.checkConsistency(before, hashes)
}

// corners are indexes at which trees and tiles begin, end and are divided.
func corners(size int64) []int64 {
	found := []int64{}
	for _, one := range []int64{0, 1, 2, 127, 128, 254, 255, 256, 257, size / 3, size / 2, size - 257, size - 256, size - 2, size - 1} {
		if 0 <= one && one < size {
			found = append(found, one)
		}
	}
	return found
}

func (l *log) checkEntries(hashes tlog.HashReader) error {
	for first := int64(0); first < l.tree.N; first += 1 << height {
		entries, err := l.entries(first)
		if err != nil {
			return err
		}
		indexes := make([]int64, len(entries))
		for i := range entries {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		leaves, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != leaves[i] {
				return fmt.Errorf("entry %d is not what its tile says", first+int64(i))
			}
		}
	}
	return nil
}

// entries are those of the bundle that begins at first, as wide as the tree has it.
func (l *log) entries(first int64) ([][]byte, error) {
	width := l.tree.N - first
	if width > 1<<height {
		width = 1 << height
	}
	tile := tlog.Tile{H: height, L: 0, N: first >> height, W: int(width)}
	octets, err := l.get(strings.Replace(path(tile), "tile/0/", "tile/entries/", 1))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(octets) > 0 {
		if len(octets) < 2 {
			return nil, errors.New("a bundle ends within a length")
		}
		length := int(octets[0])<<8 | int(octets[1])
		if len(octets) < 2+length {
			return nil, errors.New("a bundle ends within an entry")
		}
		entries, octets = append(entries, octets[2:2+length]), octets[2+length:]
	}
	if int64(len(entries)) != width {
		return nil, fmt.Errorf("%d entries in a bundle of %d", len(entries), width)
	}
	return entries, nil
}

func (l *log) checkInclusion(index int64, hashes tlog.HashReader) error {
	leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return err
	}
	steps, err := tlog.ProveRecord(l.tree.N, index, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(steps, l.tree.N, l.tree.Hash, index, leaf[0]); err != nil {
		return err
	}
	l.proofs++
	hasher := rfc6962.DefaultHasher
	return proof.VerifyInclusion(hasher, uint64(index), uint64(l.tree.N), leaf[0][:], octets(steps), l.tree.Hash[:])
}

func (l *log) checkConsistency(older tlog.Tree, hashes tlog.HashReader) error {
	steps, err := tlog.ProveTree(l.tree.N, older.N, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(steps, l.tree.N, l.tree.Hash, older.N, older.Hash); err != nil {
		return err
	}
	l.proofs++
	hasher := rfc6962.DefaultHasher
	return proof.VerifyConsistency(hasher, uint64(older.N), uint64(l.tree.N), octets(steps), older.Hash[:], l.tree.Hash[:])
}

func octets(hashes []tlog.Hash) [][]byte {
	found := make([][]byte, len(hashes))
	for i := range hashes {
		found[i] = hashes[i][:]
	}
	return found
}

// Height, ReadTiles and SaveTiles make a log a tlog.TileReader. What is saved has been checked.
func (l *log) Height() int { return height }

func (l *log) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for i, tile := range tiles {
		l.saved[tile] = data[i]
	}
}

func (l *log) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for i, tile := range tiles {
		if saved, known := l.saved[tile]; known {
			found[i] = saved
			continue
		}
		var err error
		if found[i], err = l.get(path(tile)); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// path is that of C2SP tlog-tiles, which leaves the height out.
func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
}

func (l *log) get(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, strings.TrimSuffix(l.url, "/")+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if l.authorization != "" {
		request.Header.Set("Authorization", l.authorization)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	l.read++
	return io.ReadAll(answer.Body)
}
