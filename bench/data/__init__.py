"""The data room: which photographs there are, their decoded pixels, and the crops that are drawn from them."""
