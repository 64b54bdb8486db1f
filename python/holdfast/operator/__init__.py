"""The operator's side without a screen: client of operator.sock, view model, actions.

Never imports textual.
"""
