namespace Gateway.Identity.Operators;

/// <summary>A key for operators' scripts. The configuration holds its hash, so whoever reads the configuration has no key.</summary>
internal sealed class ApiKeyOptions
{
    /// <summary>Who uses it; what the audit calls it.</summary>
    public string Name { get; set; } = "";

    /// <summary><c>operator</c> or <c>viewer</c>, whatever the provider calls its roles. Defaults to viewer.</summary>
    public string Role { get; set; } = "viewer";

    /// <summary>The SHA-256 of the whole key, in hexadecimal.</summary>
    public string Sha256 { get; set; } = "";
}
