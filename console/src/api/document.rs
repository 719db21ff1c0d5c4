pub(super) async fn show() -> crate::page::Answer {
    Err(crate::error::Trouble::NotFound)
}
