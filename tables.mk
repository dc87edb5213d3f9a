# Each target makes a table of the documents. What has its folder in $(RUNS) goes on where it was interrupted; the others,
# marked "at once", begin anew. table-versions, table-heads and table-parts have no figures in the documents yet.
# LDRAW is the .npz file of the LDraw parts; JOBS runs work at a time; WEIGHTS are those of point_mae_tiny: point_mae_tiny@2,
# point_mae_tiny@1, or a file.
LDRAW ?= ldraw_classify.npz
WEIGHTS ?= point_mae_tiny@2
JOBS ?= 2
RUNS := runs/tables/$(notdir $(WEIGHTS))
# Learning rates are those that version 1 of the weights chose on the validation split of seed 100, with 10 labels a class.
# `make table-rates WEIGHTS=point_mae_tiny@1` repeats that search.
THREE := probe: {}, pointlora-plus: {training: {ema: 0.98, patience: 3}, optimizer: {lr: 3.0e-4}}, lora: {optimizer: {lr: 3.0e-3}}
METHODS := --search '{}' --methods '{$(THREE), pointlora: {prompt_dim: 16, optimizer: {lr: 1.0e-3}}, head_only: {optimizer: {lr: 3.0e-3}}, full: {optimizer: {lr: 3.0e-4}}}'
COMPARE := $(BIN)/pointlora compare
FEW := $(COMPARE) few_labels_tiny --jobs $(JOBS) --model.checkpoint $(WEIGHTS)
COUNTED := $(FEW) --data.root $(LDRAW) --data.label_fraction 1.0
LABELS := $(COUNTED) --training.steps 192
CURVE := --search '{}' --methods '{$(THREE)}'
SCANS := --data.name procedural --data.label_fraction 0.1 --training.epochs 12 \
	--data.options '{variant: scan, num_points: 1024, train_size: 2000, test_size: 600}'
# Six methods choose one of three learning rates on the validation split of seed 100; `lora` keeps that of an earlier search.
RIVALS := --seeds '[0, 1, 2]' --reference lora --methods '{probe: {search: {}}, lora: {optimizer: {lr: 3.0e-3}}, dora: {}, lora-plus: {}, pissa: {optimizer: {weight_decay: 0}}, vpt_deep: {}, stag: {}, pointgst: {}}'
# Four times as long.
LONGER := --training.steps 768 --seeds '[0, 1, 2]' --search '{}' --methods '{$(THREE)}'
VERSIONS := --methods '{version 1: {name: probe, model: {checkpoint: point_mae_tiny@1}}, version 2: {name: probe, model: {checkpoint: point_mae_tiny@2}}}' --reference 'version 1' --search '{}'
HEADS := --methods '{two scales: {name: probe}, paired: {name: probe, readout: paired}, one scale: {name: probe, model: {scales: 1}}, all blocks: {name: probe, model: {levels: [0, 1, 2, 3, 4, 5]}}, last block: {name: probe, model: {levels: [5]}}, class token and maximum: {name: probe, model: {levels: [5], scales: 1, pooling: [class_token, max]}}}' --reference 'two scales' --search '{}'

.PHONY: table-weights table-rates table-few-labels table-curve table-longer table-trials table-all-labels \
	table-few-labels-scans table-folds table-versions table-heads table-rivals table-few-shot table-parts table-tuning \
	table-ablation table-release-scans table-classes table-colours table-density table-blocks table-costs table-costs-stag

# At once.
table-weights: $(STAMP)
	for weights in null point_mae_tiny@1 point_mae_tiny@2; do \
		$(BIN)/pointlora probe --model.name point_mae_tiny --model.checkpoint $$weights \
			--data.name npz --data.root $(LDRAW) --data.num_points 1024 --data.up_axis z || exit 1; \
	done

table-rates: $(STAMP)
	$(FEW) --data.root $(LDRAW) --seeds '[100]' --output $(RUNS)/rates

table-few-labels: $(STAMP)
	$(LABELS) --labels_per_class '[5, 10]' $(METHODS) --output $(RUNS)/few_labels

# Its picture is comparison.labels.png.
table-curve: $(STAMP)
	$(LABELS) --labels_per_class '[5, 10, 20]' $(CURVE) --output $(RUNS)/curve

table-longer: $(STAMP)
	$(COUNTED) --labels_per_class '[10]' $(LONGER) --output $(RUNS)/longer

table-all-labels: $(STAMP)
	$(FEW) --data.root $(LDRAW) --data.label_fraction 1.0 --data.validation_fraction 0.1 --training.epochs 3 $(METHODS) \
		--output $(RUNS)/all_labels

table-few-labels-scans: $(STAMP)
	$(FEW) $(SCANS) $(METHODS) --output $(RUNS)/few_labels_scans

table-folds: $(STAMP)
	for seed in 0 1 2 3 4; do \
		test -e $(RUNS)/folds/$$seed/results.json || $(BIN)/pointlora train --data.name procedural \
			--data.label_fraction 0.1 --training.protocol k_fold \
			--model '{name: point_mae_tiny, checkpoint: $(WEIGHTS)}' --data.num_points 1024 --data.up_axis z \
			--data.oversample 1.0 \
			--training.patience 3 --training.seed $$seed --training.workers 0 --output $(RUNS)/folds/$$seed \
			--data.options '{variant: scan, num_points: 1024, train_size: 2000, test_size: 600}' || exit 1; \
	done

table-versions: $(STAMP)
	$(LABELS) --labels_per_class '[5, 10]' $(VERSIONS) --output runs/tables/versions

table-heads: $(STAMP)
	$(LABELS) --labels_per_class '[10]' $(HEADS) --output $(RUNS)/heads

table-rivals: $(STAMP)
	$(LABELS) --labels_per_class '[10]' $(RIVALS) --output $(RUNS)/rivals

table-few-shot: $(STAMP)
	$(BIN)/python scripts/few_shot_table.py --ldraw $(LDRAW) --weights $(WEIGHTS) --jobs $(JOBS) --output $(RUNS)/few_shot

table-parts: $(STAMP)
	$(COMPARE) parts_tiny --jobs $(JOBS) --model.checkpoint $(WEIGHTS) --output $(RUNS)/parts

table-tuning: $(STAMP)
	$(COMPARE) compare_tiny --data.root $(LDRAW) --jobs $(JOBS) --model.checkpoint $(WEIGHTS) --output $(RUNS)/tuning

table-ablation: $(STAMP)
	$(COMPARE) ablation_tiny --data.root $(LDRAW) --jobs $(JOBS) --model.checkpoint $(WEIGHTS) --output $(RUNS)/ablation

table-release-scans: $(STAMP)
	$(COMPARE) scan_tiny --jobs $(JOBS) --model.checkpoint $(WEIGHTS) --training.epochs 12 --training.batch_size 16 \
		--optimizer.warmup_epochs 1 --seeds '[0, 1, 2]' --output $(RUNS)/release_scans \
		--methods '{full: {optimizer: {lr: 0.001}}, head_only: {optimizer: {lr: 0.003}}, pointlora: {prompt_dim: 16, optimizer: {lr: 0.003}}, lora: {optimizer: {lr: 0.003}}, scratch: {optimizer: {lr: 0.0003}}}'

# At once.
table-classes table-colours table-density: table-%: $(STAMP)
	$(BIN)/python scripts/small_checks.py $* --weights $(WEIGHTS) --jobs $(JOBS)

# At once.
table-trials: $(STAMP)
	$(BIN)/python scripts/compare_heads.py --ldraw $(LDRAW) --weights $(WEIGHTS)

# At once.
table-blocks: $(STAMP)
	$(BIN)/python scripts/probe_blocks.py $(WEIGHTS) --ldraw $(LDRAW) --scans --brief --folds

# At once.
table-costs: $(STAMP)
	$(BIN)/pointlora benchmark --methods all --batch-size 4 --threads 1 --quick --repetitions 3

# At once.
table-costs-stag: $(STAMP)
	$(BIN)/pointlora benchmark --methods full,stag,stag-sl --batch-size 32 --threads 2 --quick --repetitions 1
