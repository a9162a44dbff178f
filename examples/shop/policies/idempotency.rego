# A retry must never charge a customer twice. What proves it is the idempotency test, and a change
# whose test did not run is no better than one whose test failed.
package andon.idempotency

import rego.v1

# Going back is how customers are helped at once; it never waits for a test.
rollback if input.change.changeType == "rollback"

deny contains reason if {
	not rollback
	result := object.get(input.change, ["tests", "idempotency"], "missing")
	result != "passed"
	reason := sprintf("the idempotency test has not passed (%s): a retry may charge a customer twice", [result])
}
