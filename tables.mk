# Each target makes a table of the documents again, or goes on with it where it was interrupted. LDRAW is the .npz file of the
# LDraw parts; JOBS runs work at a time; WEIGHTS are those of point_mae_tiny that tables of tuning stand on, the newest, or
# point_mae_tiny@1.
LDRAW ?= ldraw_classify.npz
WEIGHTS ?= pretrained
JOBS ?= 2
# Learning rates are those that an earlier version chose on the validation split of another seed; `make table-rates`
# repeats that search.
METHODS := --search '{}' --methods '{pointlora-plus: {training: {ema: 0.98}, optimizer: {lr: 3.0e-4}}, probe: {}, lora: {optimizer: {lr: 3.0e-3}}, pointlora: {prompt_dim: 16, optimizer: {lr: 1.0e-3}}, head_only: {optimizer: {lr: 3.0e-3}}, full: {optimizer: {lr: 3.0e-4}}}'
FEW := $(BIN)/pointlora compare few_labels_tiny --jobs $(JOBS) --model.checkpoint $(WEIGHTS)
SCANS := --data.name procedural --data.label_fraction 0.1 --training.epochs 12 \
	--data.options '{variant: scan, num_points: 1024, train_size: 2000, test_size: 600}'
RIVALS := --seeds '[0, 1, 2]' --methods '{probe: {search: {}}, pointlora-plus: {training: {ema: 0.98}}, lora: {}, dora: {}, lora-plus: {}, pissa: {optimizer: {weight_decay: 0}}, vpt_deep: {}, stag: {}, pointgst: {}}'

.PHONY: table-rates table-few-labels table-five-labels table-all-labels table-few-labels-scans table-folds table-curves \
	table-rivals table-classes table-colours table-density table-blocks table-ablation table-costs

table-rates: $(STAMP)
	$(FEW) --data.root $(LDRAW) --seeds '[100]' --output runs/table_rates

table-few-labels: $(STAMP)
	$(FEW) --data.root $(LDRAW) $(METHODS) --output runs/table_few_labels

table-five-labels: $(STAMP)
	$(FEW) --data.root $(LDRAW) --data.label_fraction 0.0663 $(METHODS) --output runs/table_five_labels

table-all-labels: $(STAMP)
	$(FEW) --data.root $(LDRAW) --data.label_fraction 1.0 --data.validation_fraction 0.1 --training.epochs 3 $(METHODS) \
		--output runs/table_all_labels

table-few-labels-scans: $(STAMP)
	$(FEW) $(SCANS) $(METHODS) --output runs/table_few_labels_scans

table-folds: $(STAMP)
	for seed in 0 1 2 3 4; do \
		test -e runs/table_folds/$$seed/results.json || $(BIN)/pointlora train --data.name procedural \
			--data.label_fraction 0.1 --training.protocol k_fold \
			--model '{name: point_mae_tiny, checkpoint: $(WEIGHTS)}' --data.num_points 1024 --data.up_axis z \
			--data.oversample 1.0 \
			--training.patience 3 --training.seed $$seed --training.workers 0 --output runs/table_folds/$$seed \
			--data.options '{variant: scan, num_points: 1024, train_size: 2000, test_size: 600}' || exit 1; \
	done

table-curves: $(STAMP)
	$(FEW) --data.root $(LDRAW) --data.label_fraction 1.0 --labels_per_class '[1, 2, 5, 10, 20]' --output runs/table_curves

table-rivals: $(STAMP)
	$(FEW) --data.root $(LDRAW) $(RIVALS) --output runs/table_rivals

table-ablation: $(STAMP)
	$(BIN)/pointlora compare ablation_tiny --data.root $(LDRAW) --jobs $(JOBS) --model.checkpoint $(WEIGHTS) \
		--output runs/table_ablation

table-classes table-colours table-density: table-%: $(STAMP)
	$(BIN)/python scripts/small_checks.py $* --jobs $(JOBS)

table-blocks: $(STAMP)
	$(BIN)/python scripts/probe_blocks.py $(WEIGHTS) --ldraw $(LDRAW) --scans --brief --folds

table-costs: $(STAMP)
	$(BIN)/pointlora benchmark --methods default --batch-size 8 --threads 1 --quick --repetitions 5
