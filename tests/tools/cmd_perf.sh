#!/bin/sh
# SPDX-License-Identifier: MIT
# perf: every pattern, verified; its figures agree with each other.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

dev=emu:size=8M

for pattern in read write randread randwrite mix; do
	check "$pattern, verified" json \
		'd["verified_commands"] > 0 and d["all"]["commands"] == 3000 and d["verify"]' \
		perf $dev --pattern $pattern --verify --count 3000
done
check "reads of a mix are counted apart" json \
	'd["read"]["commands"] + d["write"]["commands"] == 4000 and
	 3000 < d["read"]["commands"] < 3400' perf $dev --pattern mix --reads 80 --count 4000
check "a mix of reads alone" json 'd["write"]["commands"] == 0' \
	perf $dev --pattern mix --reads 100 --count 1000
check "large blocks, PRP lists" json 'd["read"]["bytes"] == 200 << 20' \
	perf $dev,sgl=off --pattern read --bs 1M --qd 4 --verify --count 200
check "blocks of 4 KiB" json 'd["all"]["commands"] == 1000' \
	perf $dev,lbads=12 --pattern mix --verify --count 1000
check "metadata apart" run 0 perf $dev,ms=8 --pattern mix --verify --count 1000
check "metadata after the data" run 0 perf $dev,ms=8,ext=on --bs 4160 --pattern mix --verify --count 1000
check "shadow doorbells" run 0 perf $dev,dbbuf=on --pattern mix --verify --count 1000
check "depth 1" json 'd["depth"] == 1 and d["all"]["commands"] == 500' perf $dev --qd 1 --count 500
check "doorbells, one for each" json \
	'(lambda q: q["submitted"] == q["completed"] == 500 and q["submission_doorbells"] == 500
	  and q["submission_doorbells_spared"] == 0 and q["trackers_in_use_max"] == 1
	  and q["spurious"] == q["late"] == 0)(d["queue_stats"])' perf $dev --qd 1 --count 500
check "... and one for a batch" json \
	'(lambda q: q["submitted"] == 64 and q["submission_doorbells"] == 1
	  and q["submission_doorbells_spared"] == 63)(d["queue_stats"])' perf $dev --qd 64 --count 64
check "a deep queue" json 'd["all"]["commands"] == 5000' perf $dev --qd 1000 --bs 512 --count 5000
check "three queues" json 'd["queues"] == 3 and d["all"]["commands"] == 3001' \
	perf $dev --queues 3 --qd 4 --pattern mix --verify --count 3001
check "--size" json 'd["all"]["bytes"] == 1 << 20' perf $dev --size 1M
check "--region" json 'd["region"] == 1 << 20' perf $dev --region 1M --count 100
check "--runtime" json '200e6 <= d["elapsed_ns"] < 5e9' perf $dev --runtime 200ms
check "percentiles ascend" json \
	'(lambda l: 0 < l["min"] <= l["p50"] <= l["p99"] <= l["p999"] <= l["max"]
	  and l["min"] <= l["mean"] <= l["max"])(d["all"]["latency_ns"])' perf $dev --count 2000
check "the histogram has every command" json \
	'sum(s["count"] for s in d["histogram"]) == 2000 and
	 all((s["to_ns"] - s["from_ns"]) / s["from_ns"] < 0.016 for s in d["histogram"] if s["from_ns"] > 64)' \
	perf $dev --count 2000
check "commands per second are commands by seconds" json \
	'abs(d["all"]["iops"] * d["elapsed_ns"] / 1e9 - 2000) < 1' perf $dev --count 2000
check "text has the percentiles" run_says "p99.9" perf $dev --count 1000
check "text has bars" run_says "█" perf $dev --count 1000
check "without UTF-8 it is ASCII" sh -c "LC_ALL=C '$belfry' perf $dev --count 1000 | LC_ALL=C grep -c '[^ -~]' | grep -qx 0"

check "commands that fail, by type of status" sh -c "
	'$belfry' perf '$dev,fault=act=status:arg=0x281:sq=1:op=2:nth=50:count=1' --count 2000 --json >out; [ \$? -eq 1 ]"
check "... as JSON" is_json '(lambda f: f["media"] == 1 and sum(f.values()) == 1)(d["queue_stats"]["failed"])'
check "... as text" sh -c "
	'$belfry' perf '$dev,fault=act=status:arg=0x281:sq=1:op=2:nth=50:count=1' --count 2000 |
		grep -q 'by type of status: media 1\\.'"
check "--errors: the load goes on until a command more fails" sh -c "
	'$belfry' perf '$dev,fault=act=status:arg=0x281:sq=1:op=2:nth=50:count=20' --errors 21 --count 2000 --json >out; [ \$? -eq 1 ]"
check "... and those that fail are counted apart" is_json \
	'd["queue_stats"]["failed"]["media"] == 20 and d["all"]["commands"] == 1980 and
	 d["ctrl_stats"]["state"] == "live"'
check "... and ends then" sh -c "
	'$belfry' perf '$dev,fault=act=status:arg=0x281:sq=1:op=2:nth=50:count=21' --errors 21 --count 20000 --json >out; [ \$? -eq 1 ]"
check "... with those that were under way" is_json \
	'd["queue_stats"]["failed"]["media"] == 21 and 49 <= d["all"]["commands"] < 1000'
check "... also where nearly all do, and a command takes no longer for that" sh -c "
	'$belfry' perf '$dev,fault=act=status:arg=0x281:sq=1:count=1999' --qd 1 -e 0 --count 2000 --json >out; [ \$? -eq 1 ]"
check "... nor this program" is_json 'd["all"]["commands"] == 1 and 0 < d["own_ns_per_command"] < 3000'
check "--errors 0: however many fail" sh -c "
	'$belfry' perf '$dev,fault=act=status:arg=0x281:sq=1' -e 0 --count 2000 >out; [ \$? -eq 1 ]"
check "... and none that succeeds" says "no command succeeded"
check "... and their number" says "media 2000"
check "--errors: what a failed write has left behind is not checked" sh -c "
	'$belfry' perf '$dev,fault=act=status:arg=0x280:sq=1:op=1:prob=100000' -e 0 --pattern mix --verify \
		--count 4000 2>err; [ \$? -eq 1 ] && grep 'Write, block' err && ! grep 'data is wrong' err"
# One chunk: its second write fails, the third is said to have been made and was not.
check "... but a write that is lost after it is found" run_complains 1 "data is wrong" \
	perf "$dev,fault=act=status:arg=0x280:sq=1:op=1:nth=2:count=1/act=skip:sq=1:op=1:nth=2" \
	-e 0 --pattern write --region 4K --bs 4K --qd 1 --verify --count 3
check "reads that return no data are found where the buffer held it" run_complains 1 "data is wrong" \
	perf "$dev,fault=act=skip:sq=1:op=2" --pattern write --region 4K --bs 4K --qd 1 --verify --count 3
check "... and data that is wrong still is the end" run_complains 1 "data is wrong" \
	perf "$dev,fault=act=corrupt:arg=700:sq=1:op=2:nth=50" -e 0 --pattern mix --verify --count 2000
check "the controller is live" json 'd["ctrl_stats"]["state"] == "live"' perf $dev --count 100

# Byte 0 of the data is '!', 0x21, the first of the magic number.
check "a flipped bit is found" run_complains 1 "differs from byte 0 on: 0x20 instead of 0x21" \
	perf "$dev,fault=act=corrupt:arg=0:sq=1:op=2:nth=50" --pattern mix --verify --count 2000
check "... anywhere in the data" run_complains 1 "data is wrong: block" \
	perf "$dev,fault=act=corrupt:arg=700:sq=1:op=2:nth=50" --pattern mix --verify --count 2000
check "... and is not without --verify" run 0 \
	perf "$dev,fault=act=corrupt:arg=700:sq=1:op=2:nth=50" --pattern mix --count 2000
check "a command that is lost" run_complains 1 "did not complete within 300 ms" \
	perf "$dev,fault=act=drop:sq=1:op=2:nth=50" --count 2000 --timeout 300ms
check "a completion of nobody's command" run_complains 1 "did not complete within" \
	perf "$dev,fault=act=wrong_cid:sq=1:op=2:nth=50" --count 2000 --timeout 300ms
check "a command that fails" run_complains 1 "Read, blocks 392 to 399: READ_ERROR" \
	perf "$dev,fault=act=status:arg=0x281:sq=1:op=2:nth=50:count=1" --pattern read --count 2000
check "a device that is gone" run_complains 1 "the controller is gone" \
	perf "$dev,fault=act=gone:sq=1:op=2:nth=50" --count 2000 --timeout 10s
check "an interrupt ends it, with what there is" sh -c "
	'$belfry' perf $dev --runtime 60s --json >out & pid=\$!
	sleep 1; kill -INT \$pid; wait \$pid; [ \$? -eq 130 ]"
check "... as JSON" is_json 'd["interrupted"] and d["all"]["commands"] > 0'
check "an interrupt ends the wait for a controller that hangs" sh -c "
	'$belfry' perf '$dev,fault=act=hang:sq=1:op=2:nth=50' --json >out 2>err & pid=\$!
	sleep 1; kill -INT \$pid; wait \$pid; [ \$? -eq 130 ] && grep -q 'did not complete' err"
check "... with what there is" is_json 'd["interrupted"] and d["all"]["commands"] == 49'

done_testing
