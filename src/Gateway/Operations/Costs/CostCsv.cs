using System.Globalization;
using System.Text;

namespace Gateway.Operations.Costs;

/// <summary>Users' costs as CSV (RFC 4180).</summary>
internal static class CostCsv
{
    public const string Header =
        "month,user,machine,machine_users,awake_seconds,active_seconds,attached_seconds,suspended_seconds,stopped_seconds,volume_gb_months,image_gb_months,egress_bytes,wakes,wakes_wasted,"
        + "running,volumes,images,egress,total,always_on,saving\r\n";

    public static string Write(IEnumerable<UserCosts> users)
    {
        var csv = new StringBuilder();
        foreach (var user in users)
        {
            var (use, money) = (user.Use, user.Money);
            csv.Append(CultureInfo.InvariantCulture, $"{user.Month},{Field(user.User)},{Field(user.Machine ?? "")},{user.MachineUsers},{use.AwakeSeconds},{use.ActiveSeconds},{use.AttachedSeconds},");
            csv.Append(CultureInfo.InvariantCulture, $"{use.SuspendedSeconds},{use.StoppedSeconds},{use.VolumeGbMonths},{use.ImageGbMonths},{use.EgressBytes},{use.Wakes},{use.WakesWasted},");
            csv.Append(CultureInfo.InvariantCulture, $"{money.Running},{money.Volumes},{money.Images},{money.Egress},{money.Total},{user.AlwaysOn},{user.Saving}\r\n");
        }

        return csv.ToString();
    }

    /// <summary>A name that a spreadsheet would take for a formula is told to be text: names are the provider's, and a user may have chosen theirs.</summary>
    private static string Field(string text)
    {
        var plain = text is ['=' or '+' or '-' or '@' or '\t' or '\r', ..] ? "'" + text : text;
        return plain.AsSpan().ContainsAny(",\"\r\n") ? "\"" + plain.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"" : plain;
    }
}
