//! Somebody stops a merchant, or lets it go on.

use domain::MerchantId;

use super::error::OperationError;
use crate::app::App;

/// Stops every request of a merchant to the provider.
///
/// # Errors
/// See [`OperationError`].
pub async fn pause_merchant(app: &App, id: &MerchantId, actor: &str) -> Result<(), OperationError> {
    app.store.pause_merchant(id).await?;
    tracing::info!(merchant.id = %id, paused = true, actor, "merchant paused or resumed by request");
    Ok(())
}

/// Lets a merchant go on, and makes due what waits for that.
///
/// # Errors
/// See [`OperationError`].
pub async fn resume_merchant(
    app: &App,
    id: &MerchantId,
    actor: &str,
) -> Result<(), OperationError> {
    app.store.resume_merchant(id).await?;
    tracing::info!(merchant.id = %id, paused = false, actor, "merchant paused or resumed by request");
    Ok(())
}
