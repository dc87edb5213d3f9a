# Each target makes a table of the documents again, or goes on with it where it was interrupted. LDRAW is the .npz file of the
# LDraw parts; JOBS runs work at a time.
LDRAW ?= ldraw_classify.npz
JOBS ?= 2
SCANS := --data.name procedural --data.label_fraction 0.1 --training.epochs 12 --search '{}' \
	--data.options '{variant: scan, num_points: 1024, train_size: 2000, test_size: 600}' \
	--methods '{probe: {}, pointlora-plus: {training: {ema: 0.98}, optimizer: {lr: 3.0e-4}}, lora: {optimizer: {lr: 3.0e-3}}, pointlora: {prompt_dim: 16, optimizer: {lr: 1.0e-3}}, head_only: {optimizer: {lr: 3.0e-3}}, full: {optimizer: {lr: 3.0e-4}}}'
RIVALS := --seeds '[0, 1, 2]' --methods '{probe: {search: {}}, pointlora-plus: {training: {ema: 0.98}}, lora: {}, dora: {}, lora-plus: {}, pissa: {optimizer: {weight_decay: 0}}, vpt_deep: {}, stag: {}, pointgst: {}}'

.PHONY: table-few-labels table-few-labels-scans table-curves table-rivals table-classes table-colours table-density \
	table-blocks table-ablation table-costs

table-few-labels: $(STAMP)
	$(BIN)/pointlora compare few_labels_tiny --data.root $(LDRAW) --jobs $(JOBS) --output runs/table_few_labels

table-few-labels-scans: $(STAMP)
	$(BIN)/pointlora compare few_labels_tiny $(SCANS) --jobs $(JOBS) --output runs/table_few_labels_scans

table-curves: $(STAMP)
	$(BIN)/pointlora compare few_labels_tiny --data.root $(LDRAW) --data.label_fraction 1.0 \
		--labels_per_class '[1, 2, 5, 10, 20]' --jobs $(JOBS) --output runs/table_curves

table-rivals: $(STAMP)
	$(BIN)/pointlora compare few_labels_tiny --data.root $(LDRAW) $(RIVALS) --jobs $(JOBS) --output runs/table_rivals

table-ablation: $(STAMP)
	$(BIN)/pointlora compare ablation_tiny --data.root $(LDRAW) --jobs $(JOBS) --output runs/table_ablation

table-classes table-colours table-density: table-%: $(STAMP)
	$(BIN)/python scripts/small_checks.py $* --jobs $(JOBS)

table-blocks: $(STAMP)
	$(BIN)/python scripts/probe_blocks.py pretrained --ldraw $(LDRAW) --scans --brief

table-costs: $(STAMP)
	$(BIN)/pointlora benchmark --methods default --batch-size 8 --threads 1 --quick --repetitions 5
