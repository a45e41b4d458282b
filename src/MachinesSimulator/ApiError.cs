using System.Globalization;
using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>An answer that is not a success, in the platform's own words.</summary>
internal sealed class ApiError(int status, string error, string? word = null, bool fromLease = false) : Exception(error)
{
    public int Status => status;

    public JsonObject Body => fromLease
        ? new JsonObject { ["status"] = "error", ["message"] = Message, ["code"] = status.ToString(CultureInfo.InvariantCulture) }
        : word is null ? new JsonObject { ["error"] = Message } : new JsonObject { ["error"] = Message, ["status"] = word };

    public static ApiError NotFound(string what) => new(404, $"not_found: {what}");

    public static ApiError Invalid(string what) => new(400, $"invalid_argument: {what}");

    public static ApiError Precondition(string what) => new(412, $"failed_precondition: {what}");

    public static ApiError Aborted(string what) => new(409, $"aborted: {what}");
}
