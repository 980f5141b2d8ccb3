# Fits case-weighted Cox regressions with survival:::coxph.fit, the compiled fitter under coxph.
# Arguments: folder with patients.csv (time, event, covariates), weights.csv (a row per replicate) and start.csv.
# Prints the milliseconds of processor time a fit, then the coefficients of each.
suppressPackageStartupMessages(library(survival))
folder <- commandArgs(trailingOnly = TRUE)[1]
read <- function(name) as.matrix(read.csv(file.path(folder, name), header = FALSE, colClasses = "numeric"))
patients <- read("patients.csv")
weights <- read("weights.csv")
start <- as.vector(read("start.csv"))
y <- Surv(patients[, 1], patients[, 2])
x <- patients[, -(1:2), drop = FALSE]
fit <- function(w) {
  kept <- which(w > 0)
  survival:::coxph.fit(x[kept, , drop = FALSE], y[kept], strata = NULL, offset = NULL, init = start,
                       control = coxph.control(), weights = w[kept], method = "efron",
                       rownames = NULL, resid = FALSE)$coefficients
}
used <- system.time(found <- lapply(seq_len(nrow(weights)), function(row) fit(weights[row, ])))
cat((used[["user.self"]] + used[["sys.self"]]) / nrow(weights) * 1000, "\n")
write.table(do.call(rbind, found), row.names = FALSE, col.names = FALSE, sep = ",")
